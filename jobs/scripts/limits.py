"""Resource limits of scripts, as commands of the shell that becomes the script.

The kernel applies them to each process. A limit can only be lower than the worker's own, because
only root may raise a limit.
"""

import math
import resource
from dataclasses import dataclass

from domain.settings import Settings

# dash and similar shells call it -p. In bash -p is the pipe size, which cannot be set.
_PROCESSES = "{{ ulimit {scope} -u {value} 2>/dev/null || ulimit {scope} -p {value}; }}"
_FILE_BLOCKS = "ulimit {scope} -f {value}"
_MEMORY_BLOCKS = "ulimit {scope} -v {value}"
_OPEN_FILES = "ulimit {scope} -n {value}"
_FILE_BLOCK, _MEMORY_BLOCK = 512, 1024


@dataclass(frozen=True)
class Limits:
    """Limits for each process of a script. None: the worker's own limit."""

    processes: int | None = None
    file_bytes: int | None = None
    memory_bytes: int | None = None
    open_files: int | None = None

    def as_commands(self) -> str:
        """Return commands for /bin/sh, which fail if a limit cannot be set; empty for no limits.

        This takes microseconds, and a preexec_fn would keep Popen from using vfork.
        """
        commands = (
            _lower(resource.RLIMIT_NPROC, self.processes, _PROCESSES),
            _lower(resource.RLIMIT_FSIZE, self.file_bytes, _FILE_BLOCKS, _FILE_BLOCK),
            _lower(resource.RLIMIT_AS, self.memory_bytes, _MEMORY_BLOCKS, _MEMORY_BLOCK),
            _lower(resource.RLIMIT_NOFILE, self.open_files, _OPEN_FILES),
        )
        return " && ".join(filter(None, commands))


def limits_of(settings: Settings) -> Limits:
    """Return the limits of every script."""
    return Limits(
        processes=settings.step_processes,
        file_bytes=settings.step_file_bytes,
        memory_bytes=settings.step_memory_bytes,
        open_files=settings.step_open_files,
    )


def _lower(resource_number: int, wanted: int | None, command: str, unit: int = 1) -> str:
    soft, hard = (
        math.inf if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource_number)
    )
    if wanted is None or wanted >= hard:
        return ""
    value = wanted // unit
    # Keep a lower soft limit: a program may raise it up to the hard limit.
    return command.format(scope="-H" if soft <= value * unit else "", value=value)

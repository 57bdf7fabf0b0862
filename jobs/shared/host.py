"""Which machine this is and which of its processes are alive.

Two containers may share a hostname but not their process numbers: so the name of a host says which
boot of which kernel, and which set of process numbers.
"""

import functools
import re
import socket
from pathlib import Path


@functools.cache
def identity() -> str:
    """The same for all processes that see each other's numbers, different for all others."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    processes = Path("/proc/self/ns/pid").stat().st_ino
    return f"{name()}/{boot}/{processes}"


@functools.cache
def name() -> str:
    """The hostname, fit for a worker's name."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"


def started(pid: int) -> int | None:
    """When a process began, in the kernel's ticks since boot; None if it is not (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])

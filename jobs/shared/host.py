"""The identity of this host, and the start times of its processes.

Containers may share a hostname but not their pids. So the identity of a host includes the boot of
its kernel and the pid namespace.
"""

import functools
import re
import socket
from pathlib import Path


@functools.cache
def identity() -> str:
    """Return an identity that exactly the processes with a common pid namespace share."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    processes = Path("/proc/self/ns/pid").stat().st_ino
    return f"{name()}/{boot}/{processes}"


@functools.cache
def name() -> str:
    """Return the hostname as part of a worker's name."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"


def started(pid: int) -> int | None:
    """Return the start of a process in kernel ticks since boot, or None if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])

"""The lock on a data folder, which only one Galley may use. Imports only the standard library."""

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.05


class AlreadyRunning(Exception):
    """Another Galley uses the data folder. The text names it and says what to do."""


def lock_data_dir(data_dir: Path, wait_seconds: float = 15.0) -> int:
    """Lock the data folder until this process ends. Returns the descriptor that holds the lock.

    Parts that inherit the descriptor (Supervisor's `hold`) hold the lock too. After a kill of the
    supervisor, its parts end within moments, so this waits for them. Raises AlreadyRunning.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    while not _try_lock(lock, fcntl.LOCK_EX):
        holder = _read_pid(lock)
        if _is_alive(holder) or time.monotonic() >= deadline:
            os.close(lock)
            raise AlreadyRunning(
                f"Galley already runs on {data_dir} (process {holder or 'unknown'}): "
                "stop it first, or set GALLEY_DATA_DIR to another folder."
            )
        time.sleep(POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def holder_of(data_dir: Path) -> str | None:
    """Return the pid of the process that locked the folder, or None if it is not locked.

    Blocks a lock only for an instant. Raises PermissionError.
    """
    try:
        lock = os.open(data_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(lock, fcntl.LOCK_SH) else _read_pid(lock) or "unknown"
    finally:
        os.close(lock)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(lock: int) -> str:
    return os.pread(lock, 20, 0).decode(errors="replace").strip()


def _is_alive(pid: str) -> bool:
    """Return whether the process runs. A missing number means that it is just taking the lock."""
    if not pid.isdecimal():
        return True
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in "ZX"  # zombies are dead too

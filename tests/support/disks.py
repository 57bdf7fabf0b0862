"""Disks that are really full."""

import contextlib
import os
import subprocess
from pathlib import Path

SIZE = 3 << 20
BLOCK = 4096


ROOMY = 4 << 30


def is_roomy(folder: Path) -> bool:
    """Return whether the tests' files fit in, and programs among them may be run."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOMY and not found.f_flag & os.ST_NOEXEC


class SmallDisk:
    """A file system in memory, of `SIZE` bytes, at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.filling = path / "filling"

    def mount(self) -> str:
        """Needs root. What went wrong, or nothing."""
        self.path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.path]
        try:
            return subprocess.run(command, capture_output=True, text=True).stderr.strip()
        except OSError as error:
            return str(error)

    def unmount(self) -> None:
        """Whoever still has a file open there keeps it."""
        subprocess.run(["umount", "--lazy", self.path], check=True)

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Until only `leave` bytes are free, in whole blocks."""
        with self.filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while self.free_bytes >= leave + BLOCK:
                file.write(bytes(min(self.free_bytes - leave, SIZE) // BLOCK * BLOCK))

    def clear(self) -> None:
        """Give back what `fill` took."""
        self.filling.unlink(missing_ok=True)

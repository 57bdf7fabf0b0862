"""Free space on the disks that Galley writes to, with one mark to warn and one to start no runs."""

import errno
import functools
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from domain.settings import GIB, MIB, Settings

OK, LOW, FULL = "ok", "low", "full"

WARN_BYTES, WARN_SHARE = 5 * GIB, 0.10
STOP_BYTES, STOP_SHARE = GIB, 0.02
"""The smaller of the two applies, so that small disks are usable; a setting overrides both."""

_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
_FULL_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}  # the latter when opening
_FULL_POSTGRESQL = "53100"


class Room(NamedTuple):
    """Free space on one disk."""

    state: str
    folder: str
    free_bytes: int

    def __str__(self) -> str:
        free = f"{self.free_bytes / MIB:,.0f} MiB free on the disk of {self.folder}"
        if self.state == FULL:
            return f"{free}. Free more space to start runs (GALLEY_DISK_STOP_BYTES)."
        if self.state == LOW:
            return f"{free}. Free more space soon (GALLEY_DISK_WARN_BYTES)."
        return f"{free}: enough space."


def look(settings: Settings) -> Room:
    """Return the fullest of this host's disks. Takes microseconds and never raises."""
    return min((_room(settings, folder) for folder in _folders(settings)), key=_by_need)


def marks(settings: Settings, folder: str) -> tuple[int, int]:
    """Return the free bytes on the disk of `folder` below which to warn, and to start no runs."""
    disk = _disk_of(folder)
    size = disk.f_blocks * disk.f_frsize
    return (
        _mark(settings.disk_warn_bytes, WARN_BYTES, WARN_SHARE * size),
        _mark(settings.disk_stop_bytes, STOP_BYTES, STOP_SHARE * size),
    )


def has_room(settings: Settings) -> bool:
    """Return whether this host has enough space to start runs."""
    return look(settings).state != FULL


def storage_folder(settings: Settings) -> str | None:
    """Return the folder of the package storage, or None for remote storage."""
    storage = urlsplit(settings.storage_url)
    return storage.path if storage.scheme in ("", "file") else None


def ran_out(error: BaseException | None) -> bool:
    """Return whether a full disk caused an error of a file or database, however deeply wrapped."""
    while error is not None:
        if (
            getattr(error, "errno", None) in _FULL_ERRNOS
            or getattr(error, "sqlite_errorcode", None) in _FULL_SQLITE
            or getattr(error, "sqlstate", None) == _FULL_POSTGRESQL
        ):
            return True
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return False


def _by_need(room: Room) -> tuple[int, int]:
    return (FULL, LOW, OK).index(room.state), room.free_bytes


@functools.cache
def _folders(settings: Settings) -> tuple[str, ...]:
    folders = [str(settings.data_dir)]
    if settings.is_sqlite:
        folders.append(str(settings.sqlite_path.parent))
    if storage := storage_folder(settings):
        folders.append(storage)
    return tuple(dict.fromkeys(folders))


def _room(settings: Settings, folder: str) -> Room:
    disk = _disk_of(folder)
    free = disk.f_bavail * disk.f_frsize
    warn, stop = marks(settings, folder)
    return Room(FULL if free < stop else LOW if free < warn else OK, folder, free)


def _mark(given: int | None, default: int, share: float) -> int:
    return min(default, int(share)) if given is None else given


def _disk_of(folder: str) -> os.statvfs_result:
    """Return the disk of the nearest folder that exists, as this one may not exist yet."""
    try:
        return os.statvfs(folder)
    except OSError:
        return _disk_of(str(Path(folder).parent))

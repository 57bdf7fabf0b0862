"""Room on the disks that Galley writes to, and two marks: to warn, and to begin no more runs."""

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
"""The smaller of the two counts, so that small disks can be used. A setting counts as it is."""


_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
_FULL_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}  # the latter at opening
_FULL_POSTGRESQL = "53100"


class Room(NamedTuple):
    """What is left on the disk where there is least of it."""

    state: str
    folder: str
    free_bytes: int

    def __str__(self) -> str:
        left = f"{self.free_bytes / MIB:,.0f} MiB are free on the disk of {self.folder}"
        if self.state == FULL:
            return f"{left}: no run begins before there is more (GALLEY_DISK_STOP_BYTES)."
        if self.state == LOW:
            return f"{left}: that is little (GALLEY_DISK_WARN_BYTES)."
        return f"{left}: enough."


def look(settings: Settings) -> Room:
    """As it is on this host now; takes microseconds. Never raises."""
    return min((_room(settings, folder) for folder in _folders(settings)), key=_by_need)


def marks(settings: Settings, folder: str) -> tuple[int, int]:
    """Below how many free bytes on the disk of `folder` it warns, and no run begins."""
    found = _disk_of(folder)
    return _marks(settings, found.f_blocks * found.f_frsize)


def has_room(settings: Settings) -> bool:
    """Whether this host may begin new runs."""
    return look(settings).state != FULL


def storage_folder(settings: Settings) -> str | None:
    """Where the storage lies on this host's disks; None when it is a remote one."""
    storage = urlsplit(settings.storage_url)
    return storage.path if storage.scheme in ("", "file") else None


def ran_out(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error of a file or of a database, however wrapped."""
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
    found = _disk_of(folder)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    warn, stop = _marks(settings, total)
    if free < stop:
        return Room(FULL, folder, free)
    if free < warn:
        return Room(LOW, folder, free)
    return Room(OK, folder, free)


def _marks(settings: Settings, total: int) -> tuple[int, int]:
    """total: the size of the disk."""
    return (
        _mark(settings.disk_warn_bytes, WARN_BYTES, WARN_SHARE * total),
        _mark(settings.disk_stop_bytes, STOP_BYTES, STOP_SHARE * total),
    )


def _mark(given: int | None, usual: int, share: float) -> int:
    return min(usual, int(share)) if given is None else given


def _disk_of(folder: str) -> os.statvfs_result:
    """Of the nearest folder that there is: it may not have been made yet."""
    try:
        return os.statvfs(folder)
    except OSError:
        return _disk_of(str(Path(folder).parent))

"""What whoever looks after an installation wants to know of it, as facts and in one look."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain import disk
from domain.clock import now
from domain.disk import Room
from domain.migrations import standing
from domain.models import ReconcilerInfo, StepRun, WorkerInfo, db
from domain.settings import Settings
from domain.system import heartbeats
from domain.system import load as system_load
from domain.system.load import Line


@dataclass(frozen=True)
class Facts:
    """Times are epoch milliseconds, sizes bytes."""

    at: int
    database_version: str
    missing_migrations: Sequence[str]
    unknown_migrations: Sequence[str]
    """What only a newer Galley can have made."""
    workers: Sequence[WorkerInfo]
    reconcilers: Sequence[ReconcilerInfo]
    held: Sequence[StepRun]
    ready: Mapping[str, Line]
    room: Room
    marks: tuple[int, int]
    """Below how many free bytes it warns, and no run begins."""
    storage_is_writable: bool | None
    """None for a remote one, at which nobody has looked."""


def look(settings: Settings) -> Facts:
    """As it is now, seen from this host. Always the same number of queries."""
    missing, unknown = standing()
    room = disk.look(settings)
    return Facts(
        at=now(),
        database_version=_version(settings),
        missing_migrations=missing,
        unknown_migrations=unknown,
        workers=heartbeats.workers(),
        reconcilers=heartbeats.reconcilers(),
        held=heartbeats.steps_held(),
        ready=system_load.steps_ready(),
        room=room,
        marks=disk.marks(settings, room.folder),
        storage_is_writable=_is_writable(disk.storage_folder(settings)),
    )


def _version(settings: Settings) -> str:
    question = "SELECT sqlite_version()" if settings.is_sqlite else "SHOW server_version"
    return str(db.execute_sql(question).fetchone()[0])


def _is_writable(folder: str | None) -> bool | None:
    """Whether files can be made in it, or it can be made: the first package makes it."""
    if folder is None:
        return None
    path = Path(folder)
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)

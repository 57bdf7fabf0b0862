"""Operational status of the installation."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domain import disk
from domain.clock import now
from domain.migrations import standing
from domain.models import StepRun, WorkerInfo, db
from domain.settings import Settings
from domain.system import checks, heartbeats
from domain.system.checks import Finding
from domain.system.load import Backlog, steps_ready


@dataclass(frozen=True)
class Status:
    at: int
    findings: Sequence[Finding]
    """One for each part of the installation."""
    workers: Sequence[WorkerInfo]
    held: Sequence[StepRun]
    ready: Mapping[str, Backlog]


def look(settings: Settings, *, redis_answers: bool) -> Status:
    """Check the installation from this host, always with the same number of queries."""
    at, workers, held = now(), heartbeats.workers(), heartbeats.steps_held()
    room, folder = disk.look(settings), disk.storage_folder(settings)
    found = {
        "database": _database(settings),
        "redis": checks.redis(settings, answers=redis_answers),
        "workers": checks.workers(workers, at, {step.worker for step in held})[0],
        "reconciler": checks.reconciler(heartbeats.reconcilers(), at),
        "storage": checks.storage(settings, folder, _is_writable(folder)),
        "disk": checks.disk(room, disk.marks(settings, room.folder)),
    }
    named = [replace(finding, name=name) for name, finding in found.items()]
    return Status(at, named, workers, held, steps_ready())


def _database(settings: Settings) -> Finding:
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    question = "SELECT sqlite_version()" if settings.is_sqlite else "SHOW server_version"
    version = db.execute_sql(question).fetchone()[0]
    finding = checks.migrations(*standing())
    return replace(finding, message=f"{kind} {version} answers. {finding.message}")


def _is_writable(folder: str | None) -> bool:
    """Return whether the folder, or the parent in which it would be created, is writable."""
    if folder is None:
        return False
    path = Path(folder)
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)

"""Checks of the database: it answers, is intact and writable, and has the expected tables."""

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee import DatabaseError, PeeweeException

from domain.migrations import standing
from domain.models import ReconcilerInfo, db, is_sqlite, new_id, write
from domain.system import checks
from domain.system.checks import Finding, fault, ok, skipped
from domain.system.format import first_line, size
from jobs.doctor.scene import Scene

NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|fuse\.(sshfs|glusterfs|s3fs|rclone|cephfs).*"
)
QUICK_CHECK_SECONDS = 3


def database(scene: Scene) -> list[Finding]:
    settings = scene.settings
    if settings.is_sqlite:
        if not settings.sqlite_path.exists():
            return [_no_file(settings.sqlite_path)]
        return [_sqlite(settings.sqlite_path)]
    try:
        with db.connection_context():
            version = db.execute_sql("SHOW server_version").fetchone()[0]
    except PeeweeException as error:
        return [
            fault(
                f"PostgreSQL does not answer: {scene.reason(error)}",
                "Start it, or correct DATABASE_URL (host, port, user, password, name).",
            )
        ]
    return [ok(f"PostgreSQL {version} answers.")]


def _no_file(path: Path) -> Finding:
    return fault(
        f"{path} does not exist.",
        "galley up creates it. If there was one, restore it from a backup first, or correct "
        "DATABASE_URL or GALLEY_DATA_DIR.",
    )


def _sqlite(path: Path) -> Finding:
    try:
        with db.connection_context():
            version = db.execute_sql("SELECT sqlite_version()").fetchone()[0]
            db.execute_sql("SELECT count(*) FROM sqlite_master")  # the first to read the file
    except DatabaseError as error:
        return fault(
            f"SQLite cannot use {path}: {first_line(error)}",
            "Check the owner of the file and the disk space; otherwise restore a backup.",
        )
    return ok(f"SQLite {version} answers: {path}, {size(path.stat().st_size)}.")


def database_file(scene: Scene) -> list[Finding]:
    """Check the SQLite file; PostgreSQL checks its own files."""
    if not is_sqlite():
        return []
    path = scene.settings.sqlite_path
    mode = db.execute_sql("PRAGMA journal_mode").fetchone()[0]
    kind = file_system_of(path, Path("/proc/self/mountinfo").read_text())
    return [*unsafe(mode, kind), _integrity(path)]


def unsafe(journal_mode: str, file_system: str) -> Iterator[Finding]:
    """Find settings that make SQLite slow or lose data."""
    if journal_mode != "wal":
        yield fault(
            f"The journal mode is {journal_mode}, not WAL: readers and writers block each other.",
            "Start Galley, which sets it. If that fails, the file system does not support it: use "
            "a local disk, or PostgreSQL (DATABASE_URL).",
        )
    if NETWORK_FILE_SYSTEMS.fullmatch(file_system):
        yield fault(
            f"The database is on a network file system ({file_system}), where SQLite's locks do "
            "not work: it will be damaged.",
            "Move it to a local disk (DATABASE_URL), or use PostgreSQL.",
        )


def file_system_of(path: Path, mountinfo: str) -> str:
    """Return the file system type of a path. mountinfo: the text of /proc/self/mountinfo."""
    best, found = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(_unescaped(before.split()[4]))
        # >=, because a later mount hides an earlier one at the same place.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split()[0]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def _integrity(path: Path) -> Finding:
    """Run SQLite's quick check, unless it is slow."""
    deadline = time.monotonic() + QUICK_CHECK_SECONDS
    db.connection().set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        said = [row[0] for row in db.execute_sql("PRAGMA quick_check(3)").fetchall()]
    except (
        DatabaseError,
        sqlite3.DatabaseError,
    ) as error:  # Peewee wraps only the first row's
        if "interrupted" in str(error):
            return skipped(f"Longer than {QUICK_CHECK_SECONDS} s; run it yourself: {_full(path)}")
        said = [first_line(error)]
    return whole(said, path)


def whole(said: list[str], path: Path) -> Finding:
    if said == ["ok"]:
        return ok("SQLite's quick check finds no damage.")
    return fault(
        f"The file is damaged: {'; '.join(said)}",
        f"Stop Galley and restore a backup. For the full list of errors: {_full(path)}",
    )


def _full(path: Path) -> str:
    return f"sqlite3 {path} 'PRAGMA integrity_check'"


def migrations(scene: Scene) -> list[Finding]:
    return [checks.migrations(*standing())]


class _Undo(Exception):
    """Raised inside a transaction to roll it back."""


def writing(scene: Scene) -> list[Finding]:
    """Try a transaction and roll it back."""
    row: dict[str, Any] = {"name": new_id(), "host": "doctor", "pid": 0, "pid_started": 0}
    try:
        with write():
            ReconcilerInfo.insert(**row).execute()
            raise _Undo
    except _Undo:
        return [ok("A transaction was written and rolled back.")]
    except PeeweeException as error:
        return [
            fault(
                f"A transaction failed: {scene.reason(error)}",
                "Check the disk and the owner of the file."
                if is_sqlite()
                else "Use the primary server, and a user who may write (DATABASE_URL).",
            )
        ]

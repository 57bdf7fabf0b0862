"""The database: it answers, is whole, can be written to, and has the tables of this program."""

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee import DatabaseError, PeeweeException

from domain.migrations import standing
from domain.models import ReconcilerInfo, db, is_sqlite, new_id, write
from jobs.doctor.findings import Finding, fault, ok, skipped
from jobs.doctor.format import first_line, many, size, some
from jobs.doctor.scene import Scene

NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|fuse\.(sshfs|glusterfs|s3fs|rclone|cephfs).*"
)
QUICK_CHECK_SECONDS = 3


def database(scene: Scene) -> list[Finding]:
    """Kind, version, and whether it answers."""
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
                f"PostgreSQL does not answer: {scene.told(error)}",
                "Start it, or correct DATABASE_URL (host, port, user, password, name).",
            )
        ]
    return [ok(f"PostgreSQL {version} answers.")]


def _no_file(path: Path) -> Finding:
    return fault(
        f"{path} is not there.",
        "galley up makes it. If there was one, put it back from a backup first, or correct "
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
            "Look at whose file it is and whether the disk is full; else put back a backup.",
        )
    return ok(f"SQLite {version} answers: {path}, {size(path.stat().st_size)}.")


def database_file(scene: Scene) -> list[Finding]:
    """Of SQLite; PostgreSQL looks after its own."""
    if not is_sqlite():
        return []
    path = scene.settings.sqlite_path
    mode = db.execute_sql("PRAGMA journal_mode").fetchone()[0]
    kind = file_system_of(path, Path("/proc/self/mountinfo").read_text())
    return [*unsafe(mode, kind), _integrity(path)]


def unsafe(journal_mode: str, file_system: str) -> Iterator[Finding]:
    """What makes SQLite slow or lose data."""
    if journal_mode != "wal":
        yield fault(
            f"The journal mode is {journal_mode}, not WAL: readers and writers block each other.",
            "Start Galley, which sets it. If it stays, the file system cannot do it: use a disk "
            "of this machine, or PostgreSQL (DATABASE_URL).",
        )
    if NETWORK_FILE_SYSTEMS.fullmatch(file_system):
        yield fault(
            f"The database lies on a network file system ({file_system}), where SQLite's locks "
            "do not hold: it will be damaged.",
            "Move it to a disk of this machine (DATABASE_URL), or use PostgreSQL.",
        )


def file_system_of(path: Path, mountinfo: str) -> str:
    """The type of the file system that holds the path, from the text of /proc/self/mountinfo."""
    best, found = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(_unescaped(before.split()[4]))
        # Not below: a later mount hides an earlier one on the same place.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split()[0]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def _integrity(path: Path) -> Finding:
    """SQLite's own quick check, if it is quick."""
    deadline = time.monotonic() + QUICK_CHECK_SECONDS
    db.connection().set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        said = [row[0] for row in db.execute_sql("PRAGMA quick_check(3)").fetchall()]
    except (DatabaseError, sqlite3.DatabaseError) as error:  # Peewee wraps those of the first row
        if "interrupted" in str(error):
            return skipped(f"Too large for {QUICK_CHECK_SECONDS} s; at leisure: {_full(path)}")
        said = [first_line(error)]
    return whole(said, path)


def whole(said: list[str], path: Path) -> Finding:
    if said == ["ok"]:
        return ok("SQLite's quick check finds the file whole.")
    return fault(
        f"The file is damaged: {'; '.join(said)}",
        f"Stop Galley and put back a backup. What is wrong in full: {_full(path)}",
    )


def _full(path: Path) -> str:
    return f"sqlite3 {path} 'PRAGMA integrity_check'"


def migrations(scene: Scene) -> list[Finding]:
    return [versions(*standing())]


def versions(missing: list[str], unknown: list[str]) -> Finding:
    """missing: what the database lacks; unknown: what only a newer program can have made."""
    if unknown:
        return fault(
            f"The database is newer than this program, which does not know {some(unknown)}.",
            "Install the version of Galley that the database was used with, or a newer one.",
        )
    if missing:
        return fault(
            f"{many(missing, 'migration')} not applied: {some(missing)}.",
            "galley migrate",
        )
    return ok("The database has the tables of this program.")


class _Undo(Exception):
    """Raised inside a transaction to roll it back."""


def writing(scene: Scene) -> list[Finding]:
    """Whether a transaction gets through; it is rolled back."""
    row: dict[str, Any] = {"name": new_id(), "host": "doctor", "pid": 0, "pid_started": 0}
    try:
        with write():
            ReconcilerInfo.insert(**row).execute()
            raise _Undo
    except _Undo:
        return [ok("A transaction was made and rolled back.")]
    except PeeweeException as error:
        return [
            fault(
                f"A transaction failed: {scene.told(error)}",
                "Look at the disk and at whose file it is."
                if is_sqlite()
                else "Name the server that takes writes, and a user who may (DATABASE_URL).",
            )
        ]

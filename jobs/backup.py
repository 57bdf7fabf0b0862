"""`galley backup`: copy a running installation to a single file.

A snapshot of the database comes first, then its packages and logs. Packages never change and logs
only grow, so the copy always has all data that the snapshot refers to. Workspaces are not copied:
after a restore, the steps that were running count as lost with their worker.

The file unpacks to a data folder (docs/operating.md, "Backups").
"""

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from domain.clock import now, rfc3339
from domain.files import sync_folder
from domain.logs.files import TIMES_SUFFIX
from domain.releases.storage import StorageError, open_storage
from domain.settings import Settings

SQLITE_COPY, POSTGRES_DUMP = "galley.db", "database.dump"
NAMED_FILES = "SELECT DISTINCT sha256 FROM package ORDER BY sha256"
GZIP_LEVEL = 1
"""Most data is in packages, which are already compressed."""


class BackupError(Exception):
    """The backup failed. The text is for the user."""


@dataclass(frozen=True)
class Contents:
    """The contents of a backup, whose file has `size` bytes."""

    size: int
    packages: int | None
    """None: they are stored elsewhere and not part of the backup."""
    missing: int
    """Packages in the database that are not in the storage."""
    logs: int


def back_up(settings: Settings, target: Path, *, with_secret_key: bool) -> Contents:
    """Write `target` with mode 0600, replacing an existing file once the backup is complete.

    with_secret_key: include the key that decrypts the secrets in the same file.
    Raises BackupError.
    """
    if not target.parent.is_dir():
        raise BackupError(f"{target} cannot be written: there is no folder {target.parent}.")
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".galley-backup-", dir=target.parent) as name,
            _complete(Path(name) / "archive", target) as out,
            tarfile.open(fileobj=out, mode="w:gz", compresslevel=GZIP_LEVEL) as archive,
        ):
            database = Path(name) / (SQLITE_COPY if settings.is_sqlite else POSTGRES_DUMP)
            named = (_copy_sqlite if settings.is_sqlite else _dump_postgres)(settings, database)
            _add_text(archive, "backup.json", _about(settings, with_secret_key))
            if with_secret_key:
                _add_text(archive, "secret_key", settings.secret_key())
            with database.open("rb") as copy:
                _add(archive, database.name, copy)
            packages, missing = _add_packages(archive, settings, named)
            logs = _add_logs(archive, settings.data_dir / "logs")
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error}.") from None
    return Contents(target.stat().st_size, packages, missing, logs)


def omissions(settings: Settings, contents: Contents, *, with_secret_key: bool) -> Iterator[str]:
    """Return a sentence for each part of the installation that is not in the backup."""
    if contents.packages is None:
        yield "the packages. GALLEY_STORAGE_URL is not a folder on this machine, so copy it too."
    if contents.missing:
        yield f"{contents.missing} packages that are missing in the storage. Run galley doctor."
    if not with_secret_key:
        key = "GALLEY_SECRET_KEY" if settings.given_secret_key else settings.data_dir / "secret_key"
        yield f"the secret key ({key}). Keep a copy elsewhere: no secret can be read without it."


@contextlib.contextmanager
def _complete(unfinished: Path, target: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name once it is completely on the disk."""
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(target)
    sync_folder(target.parent)


def _about(settings: Settings, with_secret_key: bool) -> str:
    about = {
        "galley": version("galley"),
        "createdAt": rfc3339(now()),
        "database": "sqlite" if settings.is_sqlite else "postgresql",
        "secretKey": with_secret_key,
        "packages": is_local(settings),
    }
    return json.dumps(about, indent=2) + "\n"


# ---- the database ----------------------------------------------------------------------------


def _copy_sqlite(settings: Settings, target: Path) -> list[str]:
    """Copy a snapshot of the database. Returns the hashes of the packages in it."""
    path = settings.sqlite_path
    if not path.exists():
        raise BackupError(f"There is no database at {path}. Set GALLEY_DATA_DIR to Galley's data.")
    try:
        with (
            # Not `ro`, because then the last connection could not delete its journal.
            contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)  # in a single read transaction, which does not block writers
            (problem,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if problem != "ok":
                raise BackupError(f"The database is damaged ({problem}). Run galley doctor.")
            return [sha256 for (sha256,) in copy.execute(NAMED_FILES)]
    except sqlite3.Error as error:
        raise BackupError(f"The database {path} cannot be copied: {error}.") from None


def _dump_postgres(settings: Settings, target: Path) -> list[str]:
    """Do the same as `_copy_sqlite` with pg_dump, which reads the same snapshot as the query."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    program = shutil.which("pg_dump")
    if program is None:
        raise BackupError(
            "pg_dump is not installed here. Install PostgreSQL's client programs (on Debian and "
            "Ubuntu: apt install postgresql-client), or run this on a host that has them."
        )
    server = {name: str(value) for name, value in conninfo_to_dict(settings.database_url).items()}
    password = server.pop("password", None)
    try:
        with psycopg.connect(settings.database_url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            # The transaction is idle for as long as pg_dump runs.
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            named = [sha256 for (sha256,) in connection.execute(NAMED_FILES)]
            done = subprocess.run(
                [
                    *(program, "--format=custom", "--no-owner", "--no-privileges"),
                    *(f"--snapshot={snapshot}", f"--file={target}"),
                    # Without the password, because all users can see the arguments of a process.
                    f"--dbname={make_conninfo(**server)}",
                ],
                env={**os.environ, **({"PGPASSWORD": password} if password else {})},
                capture_output=True,
                text=True,
                check=False,
            )
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL does not answer: {str(error).strip()}") from None
    if done.returncode:
        raise BackupError(
            f"{done.stderr.strip()}\npg_dump failed. It must be at least as new as the server."
        )
    return named


# ---- files -----------------------------------------------------------------------------------


def is_local(settings: Settings) -> bool:
    """Return whether packages are stored in a folder, and so part of the backup."""
    return urlsplit(settings.storage_url).scheme in ("", "file")


def _add_packages(
    archive: tarfile.TarFile, settings: Settings, named: Iterable[str]
) -> tuple[int | None, int]:
    """Add the named packages. Returns the numbers of added and of missing ones."""
    if not is_local(settings):
        return None, 0
    storage = open_storage(settings)
    found = missing = 0
    for sha256 in named:
        try:
            with storage.open(sha256) as file:
                _add(archive, f"storage/packages/{sha256[:2]}/{sha256}", file, mode=0o444)
            found += 1
        except StorageError:
            missing += 1
    return found, missing


def _add_logs(archive: tarfile.TarFile, folder: Path) -> int:
    """Add step logs with their timestamps, and uploaded logs. Returns the number of logs.

    A log whose run is deleted during the backup is skipped.
    """
    count = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0].startswith("."):
            continue  # an upload in progress
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), path.open("rb") as file:
            _add(archive, f"logs/{name}", file, mode=0o640)
            count += path.suffix != TIMES_SUFFIX
    return count


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO, mode: int = 0o600) -> None:
    """Add the current content of a file, which may still grow."""
    state = os.fstat(file.fileno())
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = state.st_size, state.st_mtime, mode
    archive.addfile(member, file)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(time.time()), 0o600
    archive.addfile(member, io.BytesIO(data))

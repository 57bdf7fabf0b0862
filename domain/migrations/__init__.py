"""Upgrade a database to this version. The numbered files are frozen, unlike the models.

`tests/domain/test_migrations.py` compares the files with the models.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from playhouse.migrations import Runner

from domain.models import db, is_sqlite
from domain.settings import Settings

FOLDER = Path(__file__).parent

LOCK_NUMBER = 0x6A11E1
"""The id of the advisory lock: any number, but the same in every Galley."""


def migrate(settings: Settings) -> list[str]:
    """Apply missing migrations to the connected database. Several hosts may call it at once.

    Returns the names of the migrations applied.
    """
    with _only_one(settings):
        return list(Runner(db.obj, str(FOLDER)).up())


def standing() -> tuple[list[str], list[str]]:
    """Return the migrations that the database lacks, and those that this version lacks."""
    rows = Runner(db.obj, str(FOLDER)).status()
    missing = [row.name for row in rows if not row.applied]
    return missing, [row.name for row in rows if row.path is None]


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    if is_sqlite():
        with os.fdopen(os.open(f"{settings.sqlite_path}-migrate", os.O_CREAT | os.O_RDWR)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        db.execute_sql("SELECT pg_advisory_lock(%s)", (LOCK_NUMBER,))
        try:
            yield
        finally:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (LOCK_NUMBER,))

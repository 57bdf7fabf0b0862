"""Brings a database to this version. The numbered files are frozen; models may go on changing.

`tests/domain/test_migrations.py` holds the files against the models, so neither can be forgotten.
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

ANY_NUMBER_OF_OURS = 0x6A11E1
"""Names the advisory lock; the number only has to be the same in every Galley."""


def migrate(settings: Settings) -> list[str]:
    """Apply what is missing, on the connected database; safe when several hosts start at once.

    Returns the names of the migrations that were applied.
    """
    with _only_one(settings):
        return list(Runner(db.obj, str(FOLDER)).up())


def standing() -> tuple[list[str], list[str]]:
    """What the connected database lacks, and what it has that this program does not know.

    Changes nothing.
    """
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
        db.execute_sql("SELECT pg_advisory_lock(%s)", (ANY_NUMBER_OF_OURS,))
        try:
            yield
        finally:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (ANY_NUMBER_OF_OURS,))

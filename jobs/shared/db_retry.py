"""Retry while the database is down.

A restart of PostgreSQL, or a backup that locks a SQLite file, takes seconds. The minutes of work of
a step should not be lost because of that.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from peewee import InterfaceError, OperationalError

from domain.models import db

log = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)
"""The exceptions of a database that does not answer, or of a broken connection."""

TRY_EVERY_SECONDS = 0.5

T = TypeVar("T")


def until_answered(work: Callable[[], T]) -> T:
    """Return the result of `work`, a read or a single transaction, retrying it while necessary.

    A worker that waits too long gets LeaseLost when the database is back.
    """
    while True:
        try:
            return work()
        except AWAY as error:
            log.warning("the database does not answer, retrying: %s", error)
            time.sleep(TRY_EVERY_SECONDS)
            reconnect()


def reconnect() -> None:
    """Replace a broken connection. If that fails, the next use raises."""
    db.close()
    with contextlib.suppress(OperationalError):
        db.connect()

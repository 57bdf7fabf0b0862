"""A database that is away for a while: who is in the middle of a step waits for it.

A restart of PostgreSQL, or a SQLite file that a backup holds, takes seconds; what a script did in
minutes is not thrown away for that.
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
"""What is raised while the database does not answer, or its connection broke."""

TRY_EVERY_SECONDS = 0.5

T = TypeVar("T")


def until_answered(work: Callable[[], T]) -> T:
    """The result of `work`, which is a read or one transaction, and is repeated from its start.

    Work of a step ends at the latest with LeaseLost, when the database is back and the step was
    given to somebody else.
    """
    while True:
        try:
            return work()
        except AWAY as error:
            log.warning("the database does not answer, trying again: %s", error)
            time.sleep(TRY_EVERY_SECONDS)
            reconnect()


def reconnect() -> None:
    """Give up the broken connection; where no new one is to be had, the next use says so."""
    db.close()
    with contextlib.suppress(OperationalError):
        db.connect()

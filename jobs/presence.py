"""A row in the database that says: this process is here, and was alive at this time."""

import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from peewee import InterfaceError, OperationalError

from domain.clock import now
from domain.models import ReconcilerInfo, WorkerInfo, write
from jobs import host

log = logging.getLogger(__name__)

SEEN_EVERY_SECONDS = 10


def a_name() -> str:
    """A name for this process that no other has or had."""
    return f"{host.name()}-{os.getpid()}-{secrets.token_hex(3)}"


class Presence:
    """The row of this process in the table of its kind."""

    def __init__(
        self,
        table: type[WorkerInfo] | type[ReconcilerInfo],
        name: str,
        more: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """more: gives the columns that only this table has, as they are now."""
        self._table = table
        self._name = name
        self._more = more
        self._said: Mapping[str, Any] | None = None
        self._said_at = 0.0

    def say(self) -> None:
        """Say "I am here", but not more often than it is of use to anybody.

        When a column has changed it is of use at once.
        """
        more = self._more()
        if more == self._said and time.monotonic() - self._said_at < SEEN_EVERY_SECONDS:
            return
        pid = os.getpid()
        with write():
            self._table.insert(
                name=self._name,
                host=host.identity(),
                pid=pid,
                pid_started=host.started(pid),
                **more,
            ).on_conflict(
                conflict_target=[self._table.name], update={"seen_at": now(), **more}
            ).execute()
        self._said, self._said_at = more, time.monotonic()

    def end(self) -> None:
        """Leave in an orderly way; whoever cannot is found missing by the reconciler."""
        try:
            with write():
                self._table.delete().where(self._table.name == self._name).execute()
        except (OperationalError, InterfaceError) as error:
            log.warning("could not sign off: %s", error)

"""A row in the database that says: this process is here, and was alive at this time."""

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from domain.clock import now
from domain.models import ReconcilerInfo, WorkerInfo, write
from jobs.shared import host
from jobs.shared.db_retry import AWAY

log = logging.getLogger(__name__)

SEEN_EVERY_SECONDS = 10
"""By the clock that all see: once it was set back, the last word is of another time."""


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
        self._said_at = 0

    def say(self) -> None:
        """Say "I am here", but not more often than it is of use to anybody.

        When a column has changed it is of use at once.
        """
        more = self._more()
        at = now()
        is_fresh = 0 <= at - self._said_at < SEEN_EVERY_SECONDS * 1000
        if more == self._said and is_fresh:
            return
        pid = os.getpid()
        with write():
            self._table.insert(
                name=self._name,
                host=host.identity(),
                pid=pid,
                pid_started=host.started(pid),
                seen_at=at,
                **more,
            ).on_conflict(
                conflict_target=[self._table.name], update={"seen_at": at, **more}
            ).execute()
        self._said, self._said_at = more, at

    def end(self) -> None:
        """Leave in an orderly way; whoever cannot is found missing by the reconciler."""
        try:
            with write():
                self._table.delete().where(self._table.name == self._name).execute()
        except AWAY as error:
            log.warning("could not sign off: %s", error)

"""Heartbeats: rows in the database that show which processes are alive."""

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
"""Measured by wall clock, and due at once when that was set back."""


def unique_name() -> str:
    """Return a name that no other process ever has."""
    return f"{host.name()}-{os.getpid()}-{secrets.token_hex(3)}"


class Heartbeat:
    """The row of this process in the table of workers or reconcilers."""

    def __init__(
        self,
        table: type[WorkerInfo] | type[ReconcilerInfo],
        name: str,
        more: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """more: returns the current values of the columns that only this table has."""
        self._table = table
        self._name = name
        self._more = more
        self._sent: Mapping[str, Any] | None = None
        self._sent_at = 0

    def send(self) -> None:
        """Send a heartbeat if one is due or a column has changed."""
        more = self._more()
        at = now()
        is_fresh = 0 <= at - self._sent_at < SEEN_EVERY_SECONDS * 1000
        if more == self._sent and is_fresh:
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
        self._sent, self._sent_at = more, at

    def end(self) -> None:
        """Delete the row. The reconciler deletes the rows of crashed processes."""
        try:
            with write():
                self._table.delete().where(self._table.name == self._name).execute()
        except AWAY as error:
            log.warning("could not sign off: %s", error)

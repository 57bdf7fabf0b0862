"""Delayed deletion of stored files whose releases were deleted.

A Build stores its files first, but its release names them only in the transaction that ends the
step. A Build may thus be about to need a file that no package names yet, because it has just stored
the same bytes. So a file is first set aside, where it can still be read, and deleted KEPT_MS later:
every Build that had stored it has ended by then, and if its release names the file, the file is
taken back. A later Build stores the file again. No locks are needed.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from peewee import fn

from domain.clock import DAY_MS, now
from domain.models import DiscardedFile, Package, write
from domain.releases.storage import Storage

KEPT_MS = 2 * DAY_MS
"""Longer than any step: the maximum timeout of a script is a day."""

BUDGET_SECONDS = 1.0
_ROWS_AT_ONCE = 100


def discard(sha256s: Iterable[str]) -> None:
    """Record, inside the caller's transaction, files that a release needed. Others still may."""
    rows = [{"sha256": sha256} for sha256 in sorted(set(sha256s))]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        DiscardedFile.insert_many(rows[start : start + _ROWS_AT_ONCE]).on_conflict(
            conflict_target=[DiscardedFile.sha256], update={DiscardedFile.aside_since: None}
        ).execute()


def tidy(open_storage: Callable[[], Storage]) -> None:
    """Process discarded files for at most about BUDGET_SECONDS.

    Safe to interrupt, to repeat, and to run on several hosts at once.
    open_storage: called only if there is something to do. Raises its errors and the storage's.
    """
    due = list(_due())
    if not due:
        return
    storage, deadline = open_storage(), time.monotonic() + BUDGET_SECONDS
    for row in due:
        if time.monotonic() > deadline:
            return
        if row.is_needed:
            storage.take_back(row.sha256)
            _forget(row)
        elif row.aside_since is None:
            storage.set_aside(row.sha256)
            with write():  # after setting aside, which is repeated if interrupted here
                condition = DiscardedFile.sha256 == row.sha256
                DiscardedFile.update(aside_since=now()).where(condition).execute()
        else:
            storage.remove_aside(row.sha256)
            _forget(row)


def _due() -> Any:
    needed = fn.EXISTS(Package.select(Package.id).where(Package.sha256 == DiscardedFile.sha256))
    is_expired = DiscardedFile.aside_since < now() - KEPT_MS
    return DiscardedFile.select(DiscardedFile, needed.alias("is_needed")).where(
        needed | DiscardedFile.aside_since.is_null() | is_expired
    )


def _forget(row: DiscardedFile) -> None:
    """Delete the row unless the file was discarded again meanwhile."""
    unchanged = (
        DiscardedFile.aside_since.is_null()
        if row.aside_since is None
        else DiscardedFile.aside_since == row.aside_since
    )
    with write():
        DiscardedFile.delete().where((DiscardedFile.sha256 == row.sha256) & unchanged).execute()

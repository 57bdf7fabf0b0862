"""Stored files of deleted releases: they go when no release needs them any more, and not at once.

A Build stores its files first; its release names them only in the transaction that ends the step.
So a file that no package names may all the same be needed soon: by a Build that has just stored the
same bytes. That is why the file is first set aside, where it can still be read. A Build that has
stored it before then has ended KEPT_MS later, and if its release names the file, it is taken back.
A Build that stores it afterwards stores it anew. So no moment is too short, and nobody has to lock.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from peewee import fn

from domain.clock import DAY_MS, now
from domain.models import DiscardedFile, Package, write
from domain.releases.storage import Storage

KEPT_MS = 2 * DAY_MS
"""Longer than any step takes: its script has a day at most."""

BUDGET_SECONDS = 1.0
_ROWS_AT_ONCE = 100


def discard(sha256s: Iterable[str]) -> None:
    """Note, inside the caller's transaction, files that somebody needs no more.

    Who else needs them is looked for later.
    """
    rows = [{"sha256": sha256} for sha256 in sorted(set(sha256s))]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        DiscardedFile.insert_many(rows[start : start + _ROWS_AT_ONCE]).on_conflict(
            conflict_target=[DiscardedFile.sha256], update={DiscardedFile.aside_since: None}
        ).execute()


def tidy(open_storage: Callable[[], Storage]) -> None:
    """Do what is due, file by file, until there is nothing more or the time for it is used up.

    Safe to break off, to repeat, and to do on several hosts at once.
    open_storage: called only if something is due. Raises what it and the storage raise.
    """
    due = list(_due())
    if not due:
        return
    storage, over = open_storage(), time.monotonic() + BUDGET_SECONDS
    for row in due:
        if time.monotonic() > over:
            return
        if row.is_needed:
            storage.take_back(row.sha256)
            _forget(row)
        elif row.aside_since is None:
            storage.set_aside(row.sha256)
            with write():  # only now: whoever breaks off in between begins anew
                this_one = DiscardedFile.sha256 == row.sha256
                DiscardedFile.update(aside_since=now()).where(this_one).execute()
        else:
            storage.remove_aside(row.sha256)
            _forget(row)


def _due() -> Any:
    needed = fn.EXISTS(Package.select(Package.id).where(Package.sha256 == DiscardedFile.sha256))
    over = DiscardedFile.aside_since < now() - KEPT_MS
    return DiscardedFile.select(DiscardedFile, needed.alias("is_needed")).where(
        needed | DiscardedFile.aside_since.is_null() | over
    )


def _forget(row: DiscardedFile) -> None:
    """Unless it was discarded anew meanwhile."""
    same = (
        DiscardedFile.aside_since.is_null()
        if row.aside_since is None
        else DiscardedFile.aside_since == row.aside_since
    )
    with write():
        DiscardedFile.delete().where((DiscardedFile.sha256 == row.sha256) & same).execute()

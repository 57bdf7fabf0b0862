"""Announcements: what the engine reports after each commit, so that workers need not poll.

The domain does not know Redis: each process registers a listener, which notifies the workers. A
lost announcement costs seconds, never a step, because the reconciler finds every ready step.
"""

from collections.abc import Callable, Sequence
from typing import Any

from domain.engine.types import AbortRequest, Ready
from domain.models import after_commit, db

Listener = Callable[[Sequence[Ready | AbortRequest]], object]

_registered: tuple[Any, Listener] = (None, lambda _: None)


def listen(listener: Listener) -> None:
    """Register the listener of this process, for the database that is bound now and no other."""
    global _registered
    _registered = (db.obj, listener)


def announce(found: Sequence[Ready | AbortRequest]) -> None:
    """Report steps to the listener once the open transaction has committed."""
    if found:
        after_commit(lambda: _pass_on(found))


def _pass_on(found: Sequence[Ready | AbortRequest]) -> None:
    database, listener = _registered
    if database is db.obj:
        listener(found)

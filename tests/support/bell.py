"""The engine's announcements, collected by a test in place of the process's own listener."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from domain import engine
from domain.engine import announcements


@contextlib.contextmanager
def heard() -> Iterator[list[Any]]:
    """Collect what is announced meanwhile."""
    before = announcements._registered
    found: list[Any] = []
    engine.listen(found.extend)
    try:
        yield found
    finally:
        announcements._registered = before


def announced(action: Callable[[], object]) -> list[Any]:
    with heard() as found:
        action()
    return found

"""Counting what is asked of the database."""

from collections.abc import Callable
from typing import Any

import pytest

from domain import models


def counter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], int]:
    """A function that tells how many statements the database is sent while it calls another."""
    executed: list[str] = []
    original = models.db.obj.execute_sql

    def execute(sql: str, *more: Any, **named: Any) -> Any:
        executed.append(sql)
        return original(sql, *more, **named)

    def count(ask: Callable[[], Any]) -> int:
        executed.clear()
        ask()
        return len(executed)

    monkeypatch.setattr(models.db.obj, "execute_sql", execute)
    return count

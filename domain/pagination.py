"""Pages of lists, by number or, where a list grows without bound, by cursor."""

from dataclasses import dataclass
from typing import Any

COUNTED_TO = 10_000
"""Unbounded lists are counted only this far: counting a million rows takes 50 ms."""


@dataclass(frozen=True)
class Page:
    """One part of a list; `number` counts from 1."""

    number: int = 1
    size: int = 50


def fetch(query: Any, page: Page) -> tuple[list[Any], int]:
    """Return the rows of the page and the total; `query` sets the order."""
    return list(query.paginate(page.number, page.size)), query.count()


def count(query: Any) -> int:
    """Count the rows, up to COUNTED_TO."""
    return int(query.limit(COUNTED_TO).count())


def fetch_after(
    query: Any, key: Any, page: Page, cursor: str | None, *, counted: Any = None
) -> tuple[list[Any], int, str | None]:
    """Return the rows, newest first by the id `key`, the total (see `count`), and the next cursor.

    cursor: the last id of the previous page. It overrides the page number and, unlike it, neither
    skips nor repeats rows when new ones arrive. counted: a cheaper query to count the same rows.
    """
    ordered = query.order_by(key.desc()).limit(page.size + 1)
    if cursor is None:
        ordered = ordered.offset((page.number - 1) * page.size)
    else:
        ordered = ordered.where(key < cursor)
    rows = list(ordered)
    more = len(rows) > page.size
    rows = rows[: page.size]
    is_whole = cursor is None and page.number == 1 and not more
    total = len(rows) if is_whole else count(query if counted is None else counted)
    return rows, total, rows[-1].id if more else None

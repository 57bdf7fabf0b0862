"""Pages of lists: by number, and by cursor where a list grows without bound."""

from dataclasses import dataclass
from typing import Any

COUNTED_TO = 10_000
"""Up to here it is said exactly how long a list without bound is: a million costs 50 ms."""


@dataclass(frozen=True)
class Page:
    """Which part of a list: `number` counts from 1."""

    number: int = 1
    size: int = 50


def fetch(query: Any, page: Page) -> tuple[list[Any], int]:
    """The rows of the page and how many rows there are in all; `query` says the order."""
    return list(query.paginate(page.number, page.size)), query.count()


def count(query: Any) -> int:
    """How many rows there are, as far as they are counted."""
    return int(query.limit(COUNTED_TO).count())


def fetch_after(
    query: Any, key: Any, page: Page, cursor: str | None, *, counted: Any = None
) -> tuple[list[Any], int, str | None]:
    """Newest first by the id `key`: rows, how many in all (`count`), the next page's cursor.

    cursor: the last id of the page before; it beats the page number and, unlike it, neither skips
    nor repeats a row when new ones arrive. counted: another query of the same rows, to count them.
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

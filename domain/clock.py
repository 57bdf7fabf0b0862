"""Times as Galley stores them: integer epoch milliseconds in UTC."""

import time
from datetime import datetime, timedelta
from functools import lru_cache

DAY_MS = 24 * 3600 * 1000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - without a zone it is formatted in half the time


def now() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def elapsed(start: int | None, end: int | None) -> int | None:
    """Return the milliseconds from start to end, never negative even if the clock was set back."""
    return None if start is None or end is None else max(0, end - start)


@lru_cache(maxsize=4096)  # a step shares its moments with its attempt, and often with others
def rfc3339(ms: int | None) -> str | None:
    """Format a time as the API does: `2026-11-23T10:20:30.456Z`."""
    if ms is None:
        return None
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"

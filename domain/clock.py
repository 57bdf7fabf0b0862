"""Time as the product keeps it: integer epoch milliseconds, UTC."""

import time
from datetime import UTC, datetime

DAY_MS = 24 * 3600 * 1000


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def elapsed(start: int | None, end: int | None) -> int | None:
    """Milliseconds between two moments; a clock that was set back makes no negative duration."""
    return None if start is None or end is None else max(0, end - start)


def rfc3339(ms: int | None) -> str | None:
    """`2026-11-23T10:20:30.456Z`, the form of every time in the API."""
    if ms is None:
        return None
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"

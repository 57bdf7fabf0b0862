"""Times as Galley stores them: integer epoch milliseconds in UTC."""

import time
from datetime import UTC, datetime

DAY_MS = 24 * 3600 * 1000


def now() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def elapsed(start: int | None, end: int | None) -> int | None:
    """Return the milliseconds from start to end, never negative even if the clock was set back."""
    return None if start is None or end is None else max(0, end - start)


def rfc3339(ms: int | None) -> str | None:
    """Format a time as the API does: `2026-11-23T10:20:30.456Z`."""
    if ms is None:
        return None
    seconds = datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19]
    return f"{seconds}.{ms % 1000:03d}Z"

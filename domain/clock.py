"""Time as the product keeps it: integer epoch milliseconds, UTC."""

import time
from datetime import UTC, datetime


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def rfc3339(ms: int | None) -> str | None:
    """`2026-11-23T10:20:30.456Z`, the form of every time in the API."""
    if ms is None:
        return None
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"

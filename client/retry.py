"""Retry requests while the server is unreachable."""

import time
from collections.abc import Callable
from typing import TypeVar

from client import Unreachable

RETRY_SECONDS = 30
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 4.0

T = TypeVar("T")


class Retry:
    """Retries a request for RETRY_SECONDS, and warns when the server is lost and found."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn

    def __call__(self, request: Callable[[], T]) -> T:
        """Return the result of `request`. Raises Unreachable after RETRY_SECONDS."""
        give_up_at: float | None = None
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                result = request()
            except Unreachable as error:
                if give_up_at is None:
                    give_up_at = time.monotonic() + RETRY_SECONDS
                    self._warn(f"{error.sentence} Retrying for {RETRY_SECONDS} seconds.")
                if time.monotonic() >= give_up_at:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if give_up_at is not None:
                    self._warn("The server answers again.")
                return result

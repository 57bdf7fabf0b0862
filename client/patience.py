"""Asking again where no answer came."""

import time
from collections.abc import Callable
from typing import TypeVar

from client import Unreachable

PATIENCE_SECONDS = 30
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 4.0

T = TypeVar("T")


class Patience:
    """Asks again, for a while, when the server does not answer, and says so."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain

    def __call__(self, ask: Callable[[], T]) -> T:
        """What `ask` returns. Raises Unreachable when that takes too long."""
        give_up_at: float | None = None
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = ask()
            except Unreachable as error:
                if give_up_at is None:
                    give_up_at = time.monotonic() + PATIENCE_SECONDS
                    again = f"Trying again for {PATIENCE_SECONDS} seconds."
                    self._complain(f"{error.sentence} {again}")
                if time.monotonic() >= give_up_at:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if give_up_at is not None:
                    self._complain("The server answers again.")
                return answer

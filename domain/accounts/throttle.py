"""Slows down guessing: so many tries in so many seconds, kept in memory.

One web process is the rule; with several, each allows the full number. A restart forgets.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_KEYS = 10_000


class Throttle:
    """Allows `limit` tries per key within `seconds`; safe to share between threads."""

    def __init__(
        self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Count a try before it is made. 0: go on; else how many seconds to wait first."""
        with self._lock:
            at = self._clock()
            tries = self._tries.setdefault(key, deque())
            self._tries.move_to_end(key)
            while tries and tries[0] <= at - self._seconds:
                tries.popleft()
            if len(tries) >= self._limit:
                return tries[0] + self._seconds - at
            tries.append(at)
            if len(self._tries) > MAX_KEYS:
                self._tries.popitem(last=False)
            return 0

    def forget(self, key: str) -> None:
        """Who got in has not been guessing."""
        with self._lock:
            self._tries.pop(key, None)

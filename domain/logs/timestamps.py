"""When the lines of a log were written: a file of pairs beside it, an offset and a time each.

A pair says that from this byte on nothing was written before that time. They are made about every
100 ms at most, so a time is known to that precision. A log without the file, or with a broken one,
just has no times.
"""

import struct
import sys
from array import array
from bisect import bisect_right
from pathlib import Path

PAIR = struct.Struct("<QQ")
"""A byte of the log; epoch milliseconds."""
EVERY_MS = 100
_FAR = 1 << 43
"""Milliseconds: no time that people will see is later."""


class Times:
    """What the file of times says."""

    def __init__(self, path: Path) -> None:
        """path: of the times, see `domain.logs.times_path`."""
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        numbers = array("Q", data[: len(data) - len(data) % PAIR.size])
        if sys.byteorder == "big":
            numbers.byteswap()
        self._offsets, self._times = numbers[0::2], numbers[1::2]

    def __bool__(self) -> bool:
        return bool(self._offsets)

    def at(self, offset: int) -> int | None:
        """When the byte there was written, in epoch milliseconds; None if nobody knows."""
        known = bisect_right(self._offsets, offset) - 1
        if known < 0 or not 0 < self._times[known] < _FAR:
            return None
        return self._times[known]

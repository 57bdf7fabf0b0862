"""The times at which the lines of a log were written: a file of pairs of offset and time.

A pair means that nothing from this byte on was written before that time. Pairs are at least about
100 ms apart, which is their precision. A log whose file is missing or broken just has no times.
"""

import struct
import sys
from array import array
from bisect import bisect_right
from pathlib import Path

PAIR = struct.Struct("<QQ")
"""An offset in the log, and epoch milliseconds."""
EVERY_MS = 100
_FAR = 1 << 43
"""Milliseconds; later times are invalid."""


class Times:
    """The times of one log, read from its file (see `domain.logs.files.times_path`)."""

    def __init__(self, path: Path) -> None:
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
        """Return when the byte there was written, in epoch milliseconds; None if unknown."""
        known = bisect_right(self._offsets, offset) - 1
        if known < 0 or not 0 < self._times[known] < _FAR:
            return None
        return self._times[known]

"""Map line numbers of a log to bytes and back.

The index stores one line count per 64 KiB: 13 kB of memory for a log of 100 MiB. When a log has
grown, counting continues where it stopped; when it was replaced, counting starts over.
"""

import os
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path
from types import TracebackType

from domain.settings import MIB

CHUNK = 64 * 1024
LOGS_KEPT = 64
_MARK = 64
"""Bytes that identify a log: the last ones counted."""


class _Index:
    """The number of lines that end before each chunk of a growing file."""

    def __init__(self, file: tuple[int, int]) -> None:
        self.file = file
        self.before = array("Q", [0])
        self.size = 0
        self.ends = 0
        self.lock = threading.Lock()
        self._mark = b""

    def fits(self, fd: int, size: int) -> bool:
        """Return whether the file still begins with the bytes counted so far."""
        known = os.pread(fd, len(self._mark), self.size - len(self._mark))
        return size >= self.size and known == self._mark

    def grow(self, fd: int) -> None:
        """Count the lines added to the file."""
        while data := os.pread(fd, MIB - self.size % CHUNK, self.size):
            done = 0
            while done < len(data):
                stop = min(len(data), done + CHUNK - self.size % CHUNK)
                self.ends += data.count(b"\n", done, stop)
                self.size += stop - done
                done = stop
                if self.size % CHUNK == 0:
                    self.before.append(self.ends)
            self._mark = (self._mark + data[-_MARK:])[-_MARK:]


_indexes: OrderedDict[Path, _Index] = OrderedDict()
_lock = threading.Lock()


class LogFile:
    """A context manager with the log as it is now; growth while it is open is not seen.

    A log that does not exist (yet) is empty. Lines are counted from 1.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self.size = 0
        """In bytes."""
        self.lines = 0
        """Including the last one, even if it is unfinished."""

    def __enter__(self) -> "LogFile":
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._index = _Index((0, 0))
            return self
        try:
            self._index, self.size, ends = _index_of(self._path, self._fd)
            is_open = self.size > 0 and os.pread(self._fd, 1, self.size - 1) != b"\n"
            self.lines = ends + is_open
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def read(self, offset: int, limit: int) -> bytes:
        """Return `limit` bytes from byte `offset` on; fewer only at the end of the log."""
        limit = min(limit, self.size - offset)
        return os.pread(self._fd, limit, offset) if limit > 0 else b""

    def offset_of(self, number: int) -> int:
        """Return the byte where a line begins; the size of the log for a line beyond its end."""
        ends = number - 1
        if ends <= 0:
            return 0
        if number > self.lines:
            return self.size
        chunk = bisect_left(self._index.before, ends) - 1
        start, ends = chunk * CHUNK, ends - self._index.before[chunk]
        data, found = self.read(start, CHUNK), -1
        for _ in range(ends):
            found = data.find(b"\n", found + 1)
            if found < 0:  # the file was truncated meanwhile
                return self.size
        return start + found + 1

    def number_at(self, offset: int) -> int:
        """Return the number of the line that holds a byte."""
        offset = max(0, min(offset, self.size))
        chunk = offset // CHUNK
        start = chunk * CHUNK
        return 1 + self._index.before[chunk] + self.read(start, offset - start).count(b"\n")


def _index_of(path: Path, fd: int) -> tuple[_Index, int, int]:
    """Return the updated index with its current size and ends: another thread may continue it."""
    state = os.fstat(fd)
    file = (state.st_dev, state.st_ino)
    with _lock:
        index = _indexes.get(path)
        if index is None or index.file != file:
            index = _indexes[path] = _Index(file)
        _indexes.move_to_end(path)
        while len(_indexes) > LOGS_KEPT:
            _indexes.popitem(last=False)
    with index.lock:  # readers of other logs do not wait
        if index.fits(fd, state.st_size):
            index.grow(fd)
            return index, index.size, index.ends
    index = _Index(file)
    index.grow(fd)
    with _lock:
        _indexes[path] = index
    return index, index.size, index.ends

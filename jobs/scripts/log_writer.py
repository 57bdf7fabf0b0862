"""Write the log of an attempt: an append-only file in which secrets are masked.

Output is not buffered, so no output is lost by a kill -9, except bytes still in a pipe and the
possible beginning of a secret. `domain.logs.files` reads the logs.
"""

import os
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from domain.logs.files import times_path
from domain.logs.timestamps import EVERY_MS, PAIR
from domain.settings import MIB
from jobs.scripts.masking import Masker

NOTE_PREFIX = b"[galley] "


class LogWriter:
    """The log of one attempt, limited to its beginning and end.

    The first `head` bytes go straight to the file. Of the rest, the last `tail` bytes stay in
    memory until `close`. A full disk does not stop the script: `write_error` becomes a sentence,
    and further output is dropped. A second file holds timestamps, see `domain.logs.timestamps`.
    """

    def __init__(
        self, path: Path, secrets: Iterable[str] = (), head: int = 100 * MIB, tail: int = MIB
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o640)
        self.size = os.fstat(self._fd).st_size
        self.write_error: str | None = None
        self._masker = Masker(secrets)
        self._head, self._tail = head, tail
        self._file_end = os.pread(self._fd, 1, self.size - 1) if self.size else b"\n"
        self._after_head = bytearray()
        self._omitted = 0
        self._times = _Times(times_path(path))

    def write(self, data: bytes) -> None:
        """Append output of the script, masked."""
        self._add(self._masker.feed(data))

    def note(self, text: str) -> None:
        """Append a message from Galley, on lines of its own."""
        self._add(self._masker.flush())
        note = self._masker.mask(text.encode("utf-8", "surrogateescape"))
        self._add(_as_note(note, bytes(self._after_head[-1:]) or self._file_end))

    def mask(self, text: str) -> str:
        """Mask the secrets in a text that is stored outside the log."""
        masked = self._masker.mask(text.encode("utf-8", "surrogatepass"))
        return masked.decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Append the rest and close the file. Does nothing if it is closed."""
        if self._fd < 0:
            return
        self._add(self._masker.flush())
        self._trim()
        if self._omitted:
            omitted = (
                f"{self._omitted:,} bytes were left out here: a log keeps the first "
                f"{_size(self._head)} and the last {_size(self._tail)}."
            )
            self._append(_as_note(omitted.encode(), self._file_end))
        self._times.add_tail(self.size, self._omitted)
        self._append(bytes(self._after_head))
        if error := self.write_error:  # the disk may have space again
            self.write_error = None
            self._append(_as_note(error.encode(), self._file_end))
            self.write_error = error
        os.close(self._fd)
        self._fd = -1
        self._times.close()

    def _add(self, data: bytes) -> None:
        if not self._after_head:
            room = max(0, self._head - self.size)
            if data and room:
                self._times.add(self.size)
            self._append(data[:room])
            data = data[room:]
        if data:
            self._times.hold(self._omitted + len(self._after_head))
        self._after_head += data
        if len(self._after_head) > 2 * self._tail:  # rarely, as trimming moves the whole tail
            self._trim()

    def _trim(self) -> None:
        surplus = max(0, len(self._after_head) - self._tail)
        del self._after_head[:surplus]
        self._omitted += surplus
        self._times.drop(self._omitted)

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest and not self.write_error:
                written = os.write(self._fd, rest)
                self.size += written
                self._file_end = bytes(rest[written - 1 : written])
                rest = rest[written:]
        except OSError as error:
            self.write_error = f"The log is incomplete: {error.strerror}."


class _Times:
    """The timestamps of a log. Errors only cost further timestamps."""

    def __init__(self, path: Path) -> None:
        self._last = 0
        self._tail: deque[tuple[int, int]] = deque()
        """Timestamps of the tail in memory, by position after the head."""
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o640)
            size = os.fstat(self._fd).st_size
            os.ftruncate(self._fd, size - size % PAIR.size)  # an incomplete pair after a kill
        except OSError:
            self._fd = -1

    def add(self, offset: int) -> None:
        """Record the current time for this byte of the log."""
        if self._is_due():
            self._write(PAIR.pack(offset, self._last))

    def hold(self, position: int) -> None:
        """Hold the current time for this position of the tail."""
        if self._is_due() or not self._tail:
            self._tail.append((position, self._last))

    def drop(self, position: int) -> None:
        """Drop the times before this position of the tail."""
        while len(self._tail) > 1 and self._tail[1][0] <= position:
            self._tail.popleft()

    def add_tail(self, offset: int, position: int) -> None:
        """Write the held times: this position of the tail is that byte of the log."""
        pairs = (PAIR.pack(offset + max(0, at - position), ms) for at, ms in self._tail)
        self._write(b"".join(pairs))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _is_due(self) -> bool:
        now = time.time_ns() // 1_000_000
        if abs(now - self._last) < EVERY_MS:
            return False
        self._last = now
        return True

    def _write(self, pairs: bytes) -> None:
        try:
            # After an incomplete pair all further pairs would be misread.
            if self._fd >= 0 and os.write(self._fd, pairs) % PAIR.size:
                self.close()
        except OSError:
            self.close()


def _as_note(text: bytes, before: bytes) -> bytes:
    """Format a note, starting on a new line. before: the byte that precedes it."""
    lines = [NOTE_PREFIX + line + b"\n" for line in text.splitlines()]
    return b"".join(lines if before == b"\n" else [b"\n", *lines])


def _size(size: int) -> str:
    return f"{size:,} bytes" if size % MIB else f"{size // MIB} MiB"

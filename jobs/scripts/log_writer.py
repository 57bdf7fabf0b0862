"""The write side of step logs: secrets masked in the stream, one append-only file per attempt.

Nothing is buffered here: whatever this process has read is in the file, even after a kill -9; held
back is only the possible start of a secret. The read side: `domain.logs.files`.
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
    """Appends to the log of one attempt, of which it keeps the beginning and the end.

    The first `head` bytes go to the file at once; of the rest the last `tail` bytes are kept in
    memory until `close`. A full disk is no reason to stop the script: `write_error` says what was
    wrong, and nothing more is written. When what was written is in a file beside it, see
    `domain.logs.timestamps`.
    """

    def __init__(
        self, path: Path, secrets: Iterable[str] = (), head: int = 100 * MIB, tail: int = MIB
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o640)
        self.size = os.fstat(self._fd).st_size
        """Bytes in the file."""
        self.write_error: str | None = None
        self._masker = Masker(secrets)
        self._head, self._tail = head, tail
        self._file_end = os.pread(self._fd, 1, self.size - 1) if self.size else b"\n"
        self._after_head = bytearray()
        self._left_out = 0
        self._times = _Times(times_path(path))

    def write(self, data: bytes) -> None:
        """Append output of the script."""
        self._keep(self._masker.feed(data))

    def note(self, text: str) -> None:
        """Append a line (or lines) of Galley's own, each at the start of a line."""
        self._keep(self._masker.flush())
        note = self._masker.mask(text.encode("utf-8", "surrogateescape"))
        self._keep(_as_note(note, bytes(self._after_head[-1:]) or self._file_end))

    def mask(self, text: str) -> str:
        """A text of the script's that goes elsewhere, with its secrets masked as in the log."""
        masked = self._masker.mask(text.encode("utf-8", "surrogatepass"))
        return masked.decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Append what was held back and close the file; harmless when closed already."""
        if self._fd < 0:
            return
        self._keep(self._masker.flush())
        self._cut()
        if self._left_out:
            left_out = (
                f"{self._left_out:,} bytes were left out here: a log keeps the first "
                f"{_size(self._head)} and the last {_size(self._tail)}."
            )
            self._append(_as_note(left_out.encode(), self._file_end))
        self._times.add_tail(self.size, self._left_out)
        self._append(bytes(self._after_head))
        if problem := self.write_error:  # there may be room again
            self.write_error = None
            self._append(_as_note(problem.encode(), self._file_end))
            self.write_error = problem
        os.close(self._fd)
        self._fd = -1
        self._times.close()

    def _keep(self, data: bytes) -> None:
        if not self._after_head:
            room = max(0, self._head - self.size)
            if data and room:
                self._times.add(self.size)
            self._append(data[:room])
            data = data[room:]
        if data:
            self._times.keep(self._left_out + len(self._after_head))
        self._after_head += data
        if len(self._after_head) > 2 * self._tail:  # seldom, as each cut moves the whole rest
            self._cut()

    def _cut(self) -> None:
        surplus = max(0, len(self._after_head) - self._tail)
        del self._after_head[:surplus]
        self._left_out += surplus
        self._times.forget(self._left_out)

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
    """Writes when the bytes of a log were written. What is wrong with it harms nothing else."""

    def __init__(self, path: Path) -> None:
        self._last = 0
        self._tail: deque[tuple[int, int]] = deque()
        """The same for what is kept in memory, by its place among all that came after the head."""
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o640)
            size = os.fstat(self._fd).st_size
            os.ftruncate(self._fd, size - size % PAIR.size)  # half a pair, if it was killed
        except OSError:
            self._fd = -1

    def add(self, offset: int) -> None:
        """From this byte of the log on it is now."""
        if self._is_due():
            self._write(PAIR.pack(offset, self._last))

    def keep(self, place: int) -> None:
        """From this place of the tail on it is now."""
        if self._is_due() or not self._tail:
            self._tail.append((place, self._last))

    def forget(self, place: int) -> None:
        """What comes before this place of the tail will not be in the log."""
        while len(self._tail) > 1 and self._tail[1][0] <= place:
            self._tail.popleft()

    def add_tail(self, offset: int, place: int) -> None:
        """The tail from this place on is in the log from that byte on."""
        pairs = (PAIR.pack(offset + max(0, at - place), ms) for at, ms in self._tail)
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
            # After half a pair every other would be read wrong.
            if self._fd >= 0 and os.write(self._fd, pairs) % PAIR.size:
                self.close()
        except OSError:
            self.close()


def _as_note(text: bytes, before: bytes) -> bytes:
    """The lines of a note, behind a line end if the byte before them is none."""
    lines = [NOTE_PREFIX + line + b"\n" for line in text.splitlines()]
    return b"".join(lines if before == b"\n" else [b"\n", *lines])


def _size(size: int) -> str:
    return f"{size:,} bytes" if size % MIB else f"{size // MIB} MiB"

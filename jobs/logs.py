"""The write side of step logs: secrets masked in the stream, one append-only file per attempt.

Nothing is buffered here: whatever this process has read is in the file, even after a kill -9; held
back is only the possible start of a secret. The read side: `domain.logs`.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from domain.settings import MIB
from jobs.masking import Masker

NOTE_PREFIX = b"[galley] "


class LogWriter:
    """Appends to the log of one attempt, of which it keeps the beginning and the end.

    The first `head` bytes go to the file at once; of the rest the last `tail` bytes are kept in
    memory until `close`. A full disk is no reason to stop the script: `write_error` says what was
    wrong, and nothing more is written.
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
        self._append(bytes(self._after_head))
        if problem := self.write_error:  # there may be room again
            self.write_error = None
            self._append(_as_note(problem.encode(), self._file_end))
            self.write_error = problem
        os.close(self._fd)
        self._fd = -1

    def _keep(self, data: bytes) -> None:
        if not self._after_head:
            room = max(0, self._head - self.size)
            self._append(data[:room])
            data = data[room:]
        self._after_head += data
        if len(self._after_head) > 2 * self._tail:  # seldom, as each cut moves the whole rest
            self._cut()

    def _cut(self) -> None:
        surplus = max(0, len(self._after_head) - self._tail)
        del self._after_head[:surplus]
        self._left_out += surplus

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


def _as_note(text: bytes, before: bytes) -> bytes:
    """The lines of a note, behind a line end if the byte before them is none."""
    lines = [NOTE_PREFIX + line + b"\n" for line in text.splitlines()]
    return b"".join(lines if before == b"\n" else [b"\n", *lines])


def _size(size: int) -> str:
    return f"{size:,} bytes" if size % MIB else f"{size // MIB} MiB"

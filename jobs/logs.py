"""The write side of step logs: secrets masked in the stream, one append-only file per attempt.

Nothing is buffered here: whatever this process has read is in the file, even after a kill -9; held
back is only the possible start of a secret. The read side: `domain.logs`.
"""

import base64
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

from domain.settings import MIB

MASK = b"***"
MIN_SECRET_BYTES = 4
"""Shorter values are not masked: they are in every log by chance."""
MIN_LINE_BYTES = 6
"""The same for a line of a secret that has several."""
NOTE_PREFIX = b"[galley] "


class Masker:
    """Replaces secrets in a stream of bytes, just as if all of it were masked at once."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # Of two that begin at the same place the longer one wins.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._longest = len(self._forms[0]) if self._forms else 0
        self._pattern = _any_of(self._forms)
        self._openings = _any_of({form[:1] for form in self._forms})
        self._held = b""

    def mask(self, text: bytes) -> bytes:
        """The same for a text of its own, apart from the stream."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def feed(self, data: bytes) -> bytes:
        """Add to the stream; what can no longer become a part of a secret, masked."""
        if self._pattern is None:
            return data
        text = self._held + data
        end = self._unfinished(text)
        parts: list[bytes] = []
        done = 0
        for match in self._pattern.finditer(text):
            if match.end() > end:
                end = min(end, match.start())
                break
            parts += (text[done : match.start()], MASK)
            done = match.end()
        parts.append(text[done:end])
        self._held = text[end:]
        return b"".join(parts)

    def flush(self) -> bytes:
        """The stream pauses or ends: what was held back."""
        held, self._held = self._held, b""
        return self.mask(held)

    def _unfinished(self, text: bytes) -> int:
        """Where the first form begins that more data might complete; the length if none does."""
        if self._openings:
            for opening in self._openings.finditer(text, max(0, len(text) - self._longest + 1)):
                rest = text[opening.start() :]
                if any(len(form) > len(rest) and form.startswith(rest) for form in self._forms):
                    return opening.start()
        return len(text)


def _any_of(forms: Iterable[bytes]) -> re.Pattern[bytes] | None:
    pattern = b"|".join(map(re.escape, forms))
    return re.compile(pattern) if pattern else None


def _forms(secret: str) -> Iterator[bytes]:
    """Every form in which a secret is likely to be printed, whole and line by line."""
    whole = secret.strip()
    yield from _encodings(whole, MIN_SECRET_BYTES)
    lines = whole.splitlines()
    if len(lines) > 1:
        for line in lines:
            yield from _encodings(line.strip(), MIN_LINE_BYTES)


def _encodings(text: str, at_least: int) -> Iterator[bytes]:
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) < at_least:
        return
    yield raw
    yield urllib.parse.quote(raw, safe="").encode()
    yield urllib.parse.quote_plus(raw).encode()
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
    for shift in range(3):
        # Where a secret begins within a group of three bytes changes its whole encoding (think of
        # user:password); left out are the characters that also depend on its neighbours.
        encoded = base64.b64encode(bytes(shift) + raw)
        yield encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]


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

"""Search a long log, a bounded part of it at a time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.logs.line_index import LogFile
from domain.settings import MIB

PIECE = 256 * 1024
HITS = 100
SCANNED_BYTES = 16 * MIB
"""The part of a log that one search covers."""
_ESCAPED_COST = 4
"""Factor of time for a piece with escape sequences, which have to be removed."""
EXCERPT = 200
_EXCERPT_BEFORE = 40

ESCAPE_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours and cursor moves
    rb"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # window titles and links
    rb"|[ -/]+[0-~]"  # character sets
    rb"|[@-Z\\-_])"
)


@dataclass(frozen=True)
class Hit:
    number: int
    """The line's number."""
    before: str
    match: str
    after: str


@dataclass(frozen=True)
class Hits:
    found: list[Hit]
    next_line: int | None
    """The line to continue from; None when the search reached the end of the log."""
    total: int
    """The number of lines in the log."""


def search(path: Path, wanted: str, first: int = 1, limit: int = HITS) -> Hits:
    """Find the lines from line `first` on with a text, up to `limit` lines or SCANNED_BYTES.

    Ignores the case of A to Z unless `wanted` has uppercase letters.
    """
    needle = wanted.encode("utf-8", "replace")
    folds = needle == needle.lower()
    found: list[Hit] = []
    with LogFile(path) as log:
        following: int | None = None
        for piece in pieces(log, first, SCANNED_BYTES):
            text = piece.data.lower() if folds else piece.data
            for number, start, stop in piece.lines_with(text, needle):
                if found and found[-1].number == number:
                    continue  # another part of a very long line
                if len(found) == limit:
                    return Hits(found, number, log.lines)
                at = text.find(needle, start)
                found.append(_hit(number, piece.data[start:stop], at - start, len(needle)))
            following = piece.following
        return Hits(found, following, log.lines)


def _hit(number: int, line: bytes, at: int, length: int) -> Hit:
    start = max(0, at - _EXCERPT_BEFORE)
    before, match, after = line[start:at], line[at : at + length], line[at + length :]
    texts = [part.decode("utf-8", "replace") for part in (before, match, after[:EXCERPT])]
    if start:
        texts[0] = "…" + texts[0].lstrip("\ufffd")
    if len(after) > EXCERPT:
        texts[2] = texts[2].rstrip("\ufffd") + "…"
    return Hit(number, *texts)


@dataclass(frozen=True)
class Piece:
    """Whole lines of a log, or a part of a very long one."""

    number: int
    """The number of its first line."""
    data: bytes
    """Without escape sequences."""
    following: int | None
    """The number of the line to continue with; None at the end of the log."""

    def lines_with(self, text: bytes, needle: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and end of each line with the needle.

        text: the data, or the data in lowercase.
        """
        number, counted, at = self.number, 0, text.find(needle)
        while at >= 0:
            number += text.count(b"\n", counted, at)
            counted = at
            stop = text.find(b"\n", at)
            stop = len(text) if stop < 0 else stop
            yield number, text.rfind(b"\n", 0, at) + 1, stop
            at = text.find(needle, stop + 1)


def pieces(log: LogFile, first: int, limit: int) -> Iterator[Piece]:
    """Yield about `limit` bytes from line `first` on; fewer if there are many escape sequences."""
    number, offset = first, log.offset_of(first)
    while limit > 0 and offset < log.size:
        data = log.read(offset, PIECE)
        is_last = offset + len(data) == log.size
        if not is_last:
            data = data[: data.rfind(b"\n") + 1] or data
        offset += len(data)
        limit -= len(data)
        ends = data.count(b"\n")
        # Skip the rest of a line longer than `limit`, so that the next search makes progress.
        following = number + (ends or limit <= 0)
        if b"\x1b" in data:
            limit -= (_ESCAPED_COST - 1) * len(data)
            data = ESCAPE_SEQUENCE.sub(b"", data)
        yield Piece(number, data, None if is_last or following > log.lines else following)
        number += ends

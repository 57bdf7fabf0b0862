"""Find the line of a failed step's log that explains it: the first that looks like an error."""

import re
from dataclasses import dataclass
from pathlib import Path

from domain.logs.line_index import LogFile
from domain.logs.search import Piece, pieces
from domain.settings import MIB

HEAD_BYTES, TAIL_BYTES = 2 * MIB, 4 * MIB
"""Parts of a longer log that are searched when it is opened."""
MAX_CANDIDATES = 3_000
"""Lines examined closely at most."""
_LOOKED_AT = 500
"""Bytes examined of each line."""

_PATTERNS = {
    "error": r"""
        \b(?i:errors?)\b \s* (?: \[[\w-]+\] | \([\w-]+\) )? \s* :   # error: …  error[E0308]: …
      | \b(?i:error) \s+ [A-Z]+\d+\b                                # error TS2304
      | \bERROR\b                                                   # a level
      | (?<![\w/.-]) (?:\w+\.)* [A-Z]\w*Error (?: : | \s*$ )         # ValueError: …
      | \bnpm\ error\b | \bmake (?:\[\d+\])? : \s \*{3}
      """,
    "exception": r"""
        (?<![\w/.-]) (?:\w+\.)* [A-Z]\w*Exception (?: : | \s*$ )
      | ^ \s* (?: Exception\ in\b | (?i:Unhandled)\b )
      """,
    "traceback": r"^ \s* Traceback\ \(most\ recent\ call\ last\)",
    "fatal": r"\b(?i:fatal) \s* (?: : | \ error\b ) | ^ \s* (?i:fatal)\b | \bFATAL\b",
    "panic": r"^ \s* panic : | \bpanicked\ at\b | (?i:\bkernel\ panic\b) | \bPANIC\b",
    "fail": r"""
        \b FAIL (?: ED | URE )? \b
      | (?i: \b (?: build | tests? | job | command | compilation | step | check | task )
             \s+ (?:has\ )? failed \b )
      | (?i: \b failed\ (?: to | with | because ) \b )
      """,
    "assert": r"(?i: \b assert(?:ion)? \b .* \b failed \b )",
    "err!": r"\bnpm\ ERR!",
    "exit": r"""(?i: \b exit (?:ed)? (?: \s+ with )? \s+ (?: code | status ) \s* [:=]? \s* [1-9]
                   | \b non-zero\ exit \b | \b returned\ [1-9]\d*\ exit \b )""",
    "fault": r"(?i: \b segmentation\ fault \b )",
    "not ok": r"^ \s* not\ ok \b",
    "not found": r": \s (?: command\ )? not\ found \s* $",
    "no such": r": \s (?i: no\ such\ file\ or\ directory ) \s* $",
    "denied": r": \s (?i: permission\ denied ) \b",
}
"""Lowercase word → pattern. Only lines with the word are matched, as patterns are slow."""
_COMPILED = {word: re.compile(text, re.VERBOSE) for word, text in _PATTERNS.items()}
_ALSO = {"assert": "failed"}
"""A second required word, for patterns that are slow to fail."""
_GAPS = re.compile(r"[ \t]{2,}")
"""Collapsed first: patterns with optional spaces would try every way to split a long gap."""
_HARMLESS = re.compile(
    r"""
      \b(?: 0 | no | zero | without ) \s+ (?: \w+ \s+ )?
        (?: errors? | failures? | failed | exceptions? | fatal )\b
    | \b(?: errors? | failures? | failed | fail | exceptions? ) \s* [:=] \s*
        (?: 0+ (?! [.\w] ) | (?: none | no | false | null ) \s* (?= [,;)] | $ ) )
    | \( ignored \)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NEVER = re.compile(r"\s*\++ |\[galley\] Attempt \d")
"""The trace of `set -x`, and the note on how the previous attempt ended."""


def looks_like_error(line: str) -> bool:
    """Return whether a line (without escape sequences) seems to report an error."""
    line = _GAPS.sub(" ", line[:_LOOKED_AT])
    small = line.lower()
    return any(
        _fits(word, line) for word in _COMPILED if word in small and _ALSO.get(word, "") in small
    )


def _fits(word: str, line: str) -> bool:
    pattern = _COMPILED[word]
    if not pattern.search(line) or _NEVER.match(line):
        return False
    return pattern.search(_HARMLESS.sub(" ", line)) is not None


@dataclass(frozen=True)
class ErrorSearch:
    number: int | None
    """The line that looks like an error, if one was found."""
    is_first: bool = True
    """False if an earlier part of the log was skipped."""
    next_line: int | None = None
    """The line to continue from if none was found; None at the end of the log."""


def first_error(path: Path) -> ErrorSearch:
    """Find the first line that looks like an error, in a time independent of the log's size."""
    with LogFile(path) as log:
        head = _search(log, 1, HEAD_BYTES)
        if head.next_line is None:
            return head
        start = max(head.next_line, log.number_at(log.size - TAIL_BYTES) + 1)
        is_first = start == head.next_line
        return ErrorSearch(_search(log, start, TAIL_BYTES + MIB).number, is_first)


def next_error(path: Path, after: int) -> ErrorSearch:
    """Find the next such line after line `after`, in a bounded part of the log."""
    with LogFile(path) as log:
        return _search(log, after + 1, HEAD_BYTES + TAIL_BYTES)


def _search(log: LogFile, first: int, limit: int) -> ErrorSearch:
    left, following = MAX_CANDIDATES, None
    for piece in pieces(log, first, limit):
        for number, line in _candidates(piece):
            if looks_like_error(line):
                return ErrorSearch(number)
            left -= 1
            if not left:
                return ErrorSearch(None, next_line=number + 1 if number < log.lines else None)
        following = piece.following
    return ErrorSearch(None, next_line=following)


def _candidates(piece: Piece) -> list[tuple[int, str]]:
    """Return lines that may look like an error. Plain searches take a tenth of a pattern's time."""
    text = piece.data.lower()
    lines = {
        number: (start, stop)
        for needle in map(str.encode, _COMPILED)
        if needle in text
        for number, start, stop in piece.lines_with(text, needle)
    }
    return [
        (number, piece.data[start : min(stop, start + _LOOKED_AT)].decode("utf-8", "replace"))
        for number, (start, stop) in sorted(lines.items())
    ]

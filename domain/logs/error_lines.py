"""Which line of a failed step's log says what went wrong: the first that looks like an error."""

import re
from dataclasses import dataclass
from pathlib import Path

from domain.logs.line_index import LogFile
from domain.logs.search import Piece, pieces
from domain.settings import MIB

HEAD_BYTES, TAIL_BYTES = 2 * MIB, 4 * MIB
"""Of a longer log only so much of its beginning and its end is looked through when it is opened."""
MAX_CANDIDATES = 3_000
"""So many lines are looked at closely at most."""
_LOOKED_AT = 500
"""Bytes of a line in which it has to look like an error."""

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
"""A word in small letters, without which a line needs no closer look, and what it then must fit."""
_COMPILED = {word: re.compile(text, re.VERBOSE) for word, text in _PATTERNS.items()}
_ALSO = {"assert": "failed"}
"""A second word that the line must have: without it a pattern is tried in vain, and slowly."""
_GAPS = re.compile(r"[ \t]{2,}")
"""Patterns that allow for gaps would try each way to share one out."""
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
"""What a shell traces with `set -x`, and how the attempt before has ended."""


def looks_like_error(line: str) -> bool:
    """Whether a line (without escape sequences) seems to say that something went wrong."""
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
class Found:
    number: int | None
    """The line that looks like an error, if one was found."""
    is_first: bool = True
    """Nothing before it was passed over."""
    next_line: int | None = None
    """Where to look on if none was found; None at the end of the log."""


def first_error(path: Path) -> Found:
    """The first line of a log that looks like an error, in a time that does not grow with it."""
    with LogFile(path) as log:
        found = _look(log, 1, HEAD_BYTES)
        if found.next_line is None:
            return found
        start = max(found.next_line, log.number_at(log.size - TAIL_BYTES) + 1)
        is_first = start == found.next_line
        return Found(_look(log, start, TAIL_BYTES + MIB).number, is_first)


def next_error(path: Path, after: int) -> Found:
    """The next such line behind line `after`; it may say that there is more to look at."""
    with LogFile(path) as log:
        return _look(log, after + 1, HEAD_BYTES + TAIL_BYTES)


def _look(log: LogFile, first: int, limit: int) -> Found:
    left = MAX_CANDIDATES
    for piece in pieces(log, first, limit):
        for number, line in _candidates(piece):
            if looks_like_error(line):
                return Found(number)
            left -= 1
            if not left:
                return Found(None, next_line=number + 1 if number < log.lines else None)
        following = piece.following
    return Found(None, next_line=following) if log.size and first <= log.lines else Found(None)


def _candidates(piece: Piece) -> list[tuple[int, str]]:
    """Lines that may look like an error, in order. Plain searches cost a tenth of a pattern."""
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

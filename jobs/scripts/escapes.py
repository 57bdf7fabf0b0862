"""Undo escapes and line breaks in a text, and map positions back to the original text.

Understood are the escapes of JSON, URLs, HTML and C for any character except letters and digits.
"""

import functools
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import NamedTuple

Span = tuple[int, int]
"""Start and end."""
Change = tuple[int, int, bytes]
"""Start and end of the replaced part, and its replacement."""


_LINE_END = re.compile(rb"[\r\n]")
_ESCAPED_LINE_ENDS = {b"\\": re.compile(rb"\\[rn]"), b"%": re.compile(rb"%0[DdAa]")}


class Reading(NamedTuple):
    """A text with some parts replaced, and a function that maps its parts to the original."""

    text: bytes
    origin: Callable[[int, int], Span] = lambda start, stop: (start, stop)
    """Map the span of a non-empty part to its span in the original."""


def changed(reading: Reading, changes: list[Change]) -> Reading:
    """Apply the changes, which must be in order."""
    parts: list[bytes] = []
    done = 0
    for start, stop, replacement in changes:
        parts += (reading.text[done:start], replacement)
        done = stop
    parts.append(reading.text[done:])
    spans = ((start, stop, len(replacement)) for start, stop, replacement in changes)
    return _mapped(reading, b"".join(parts), spans)


def unwrapped(reading: Reading) -> Reading:
    """Remove line ends, also those escaped as in JSON and URLs: base64 continues after them."""
    escaped = sorted(
        (*match.span(), b"")
        for mark, pattern in _ESCAPED_LINE_ENDS.items()
        if mark in reading.text
        for match in pattern.finditer(reading.text)
    )
    if escaped:
        reading = changed(reading, escaped)
    # Faster than `changed`, as there are many.
    text = reading.text.replace(b"\n", b"").replace(b"\r", b"")
    return _mapped(
        reading, text, ((*match.span(), 0) for match in _LINE_END.finditer(reading.text))
    )


def _mapped(reading: Reading, text: bytes, changes: Iterable[tuple[int, int, int]]) -> Reading:
    positions = _Positions(changes)
    return Reading(text, lambda start, stop: reading.origin(*positions.origin(start, stop)))


class _Positions:
    """Positions of a changed text in the text before the changes, computed only when needed."""

    def __init__(self, changes: Iterable[tuple[int, int, int]]) -> None:
        """Take, in order, the start and end of each replaced part and the length it got."""
        self._changes = changes

    def origin(self, start: int, stop: int) -> Span:
        return self._of_byte(start)[0], self._of_byte(stop - 1)[1]

    def _of_byte(self, at: int) -> Span:
        before = bisect_right(self._table, at, key=itemgetter(0)) - 1
        if before < 0:
            return at, at + 1
        _, new_end, start, stop = self._table[before]
        if at < new_end:
            return start, stop
        at += stop - new_end
        return at, at + 1

    @functools.cached_property
    def _table(self) -> list[tuple[int, int, int, int]]:
        """The start and end of each change, after it and before it."""
        table, shift = [], 0
        for start, stop, length in self._changes:
            at = start + shift
            table.append((at, at + length, start, stop))
            shift += length - (stop - start)
        return table


MAX_ESCAPE = 10
"""Bytes of the longest escape, `&#x000026;`."""

# The last group of each pattern matches an escape that is cut off at the end of the text.
_ESCAPES = {
    mark: re.compile(pattern.replace(b"H", b"[0-9a-fA-F]"))
    for mark, pattern in {
        # A backslash may escape any punctuation but %, which no format escapes in that way.
        b"\\": rb"\\(?:u[dD][89abAB]HH\\u[dD][c-fC-F]HH"  # beyond 16 bits a character takes two
        rb"|((?:u[dD][89abAB]HH(?:\\(?:uH{0,3})?)?|uH{0,3}|xH?)?)\Z"
        rb"|uH{4}|xHH|[bfnrt]|[ -$&-/:-@[-`{-~])",
        b"%": rb"%(?:HH|(H?)\Z)",
        b"&": rb"&(?:(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX]H{1,6});|([#\w]{0,8})\Z)",
    }.items()
}
_NAMED = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'"}
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def may_hold_escapes(text: bytes) -> bool:
    return any(mark in text for mark in _ESCAPES)


def find_escapes(text: bytes) -> tuple[list[Change], int]:
    """Return the escapes in order, and the start of one that is cut off, else the text's length."""
    matches = [
        match
        for mark, pattern in _ESCAPES.items()
        if mark in text
        for match in pattern.finditer(text)
    ]
    matches.sort(key=re.Match.start)
    escapes: list[Change] = []
    done = 0
    for match in matches:
        start, stop = match.span()
        if start < done:  # within another: `\&amp;`
            continue
        if match.lastindex:
            return escapes, start
        done = stop
        meaning = _meaning(match[0])
        # Letters and digits are never escaped, so every form appears with its core intact.
        if meaning and not meaning.isalnum():
            escapes.append((start, stop, meaning))
    return escapes, len(text)


def start_of_escape(escapes: list[Change], at: int) -> int:
    """Return the start of the escape that the position is inside of, else the position itself."""
    before = bisect_right(escapes, at, key=itemgetter(0)) - 1
    if before >= 0 and at < escapes[before][1]:
        return escapes[before][0]
    return at


@functools.lru_cache(maxsize=1024)
def _meaning(escape: bytes) -> bytes:
    """Return the escaped character, or nothing if there is no such character."""
    mark, kind, number = escape[:1], escape[1:2], escape[2:].decode()
    if mark == b"&":
        return _NAMED.get(escape) or _character(number.rstrip(";"))
    if mark == b"%":
        return bytes.fromhex(escape[1:].decode())
    if kind == b"x":
        return bytes.fromhex(number)
    if kind == b"u":
        units = bytes.fromhex(number.replace(r"\u", ""))
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    return _CONTROLS.get(kind, kind)


def _character(number: str) -> bytes:
    """Return the character of an XML number (`38` or `x26`), or nothing if there is none."""
    code = int(f"0{number}", 16) if number[0] in "xX" else int(number)
    return chr(code).encode("utf-8", "surrogatepass") if code <= sys.maxunicode else b""

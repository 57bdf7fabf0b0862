"""Takes the secrets of a project out of what its scripts print, in whatever form they print them.

An airbag, not a seatbelt: a script can always write a secret in a way that nobody foresees. Found
are a secret and its lines, as they are or quoted by a shell; base64 of the secret in both
alphabets, whatever comes before and after it, in one line or in many; and all of this with any
characters but letters and digits escaped as JSON, addresses, HTML or C do it.

Not found, as it would take further readings of all output: what is escaped twice, octal escapes,
base64 in lines that are indented, and what is escaped and stands directly behind a backslash or
a percent sign, which together with its beginning looks like another escape.
"""

import base64
import functools
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from domain.projects.secret_values import MIN_BYTES

MASK = b"***"
MIN_LINE_BYTES = 6
"""Shorter lines of a secret that has several are not masked by themselves: think of `}`."""

Span = tuple[int, int]
"""Begin and end."""
Change = tuple[int, int, bytes]
"""Begin and end of what is replaced, and what by."""


class Masker:
    """Replaces secrets in a stream of bytes, just as if all of it were masked at once.

    What belongs to any form of any secret is masked; forms that overlap share one mask. Each form
    is looked for by itself: a large pattern of all of them costs forty times as much. With escapes
    and line ends anywhere there would be too many, so those are taken out of the text instead.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = [value for value in map(str.strip, secrets) if len(value.encode()) >= MIN_BYTES]
        self._texts = _Forms(form for value in values for form in _texts(value))
        self._codes = _Forms(form for value in values for form in _base64(value.encode()))
        self._reach = _MAX_ESCAPE * max(map(len, self._texts.all + self._codes.all), default=0)
        """How far before the end of a text a form may begin that more data completes."""
        self._held = b""
        self._covered = 0
        """How many of the bytes held belong to a mask that has been given out already."""

    def mask(self, text: bytes) -> bytes:
        """The same for a text of its own, apart from the stream."""
        return _replaced(text, self._found(text), 0, len(text))[0]

    def feed(self, data: bytes) -> bytes:
        """Add to the stream; what can no longer become a part of a secret, masked."""
        if not self._reach:
            return data
        text = self._held + data
        # No escape goes on behind the end of a line, so there one may begin to look for them.
        skipped = text.rfind(b"\n", 0, max(0, len(text) - self._reach)) + 1
        escapes, closed = _escapes(text[skipped:])
        tail = self._searches(text[skipped : skipped + closed], escapes)
        end = skipped + _outside(escapes, min([closed, *_unfinished(tail)]))
        found = self._found(text) if skipped else _occurrences(tail)
        masked, done = _replaced(text, found, self._covered, end)
        self._held, self._covered = text[end:], max(0, done - end)
        return masked

    def flush(self) -> bytes:
        """The stream pauses or ends: what was held back."""
        text = self._held
        masked, _ = _replaced(text, self._found(text), self._covered, len(text))
        self._held, self._covered = b"", 0
        return masked

    def _found(self, text: bytes) -> list[Span]:
        """Where forms begin and end, in order."""
        searches = self._searches(text, [])
        if any(mark in text for mark in _ESCAPES) and any(map(_Search.may_be_escaped, searches)):
            searches = self._searches(text, _escapes(text)[0])
        return _occurrences(searches)

    def _searches(self, text: bytes, escapes: list[Change]) -> list["_Search"]:
        readings = [_Reading(text)]
        if escapes:  # besides: a backslash before a secret seems to escape its first character
            readings.append(_changed(readings[0], escapes))
        return [
            search
            for reading in readings
            for search in (
                _Search(self._texts, reading),
                _Search(self._codes, _unwrapped(reading)),
            )
        ]


def _replaced(text: bytes, found: list[Span], done: int, end: int) -> tuple[bytes, int]:
    """The text from `done`, where an open mask ends, to `end`; how far its last mask reaches.

    No form may begin before `end` and be still incomplete.
    """
    parts: list[bytes] = []
    for start, stop in found:
        if start >= end:
            break
        if start >= done:
            parts += (text[done:start], MASK)
        done = max(done, stop)
    parts.append(text[done:end])
    return b"".join(parts), done


# ---- forms -----------------------------------------------------------------------------------

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NEVER_ESCAPED = re.compile(rb"[A-Za-z0-9]*")


class _Forms:
    """Forms, and their cores: the longest part of each that stays as it is when escaped.

    Escapes are undone only in texts that hold a core. So output full of escapes is expensive if a
    secret is made of single letters and digits with others between: its core is everywhere.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        self.all = sorted(set(forms))
        cores = {form: max(_NEVER_ESCAPED.findall(form), key=len) for form in self.all}
        self.cores = {core for form, core in cores.items() if core != form}


def _texts(whole: str) -> Iterator[bytes]:
    """A secret and its lines, in every way that is more than a matter of escapes."""
    lines = map(str.strip, whole.splitlines())
    for text in (
        whole,
        whole.replace(" ", "+"),  # forms of the web
        whole.replace("'", r"'\''"),  # bash with `set -x`
        whole.replace("'", """'"'"'"""),  # Python's shlex
        *(line for line in lines if len(line.encode()) >= MIN_LINE_BYTES),
    ):
        form = text.encode()
        yield form
        # What looks like an escape in the secret itself is undone together with true ones.
        unescaped = _changed(_Reading(form), _escapes(form)[0]).text
        if len(unescaped) >= MIN_LINE_BYTES:
            yield unescaped


def _base64(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        # Where a secret begins within a group of three bytes changes its whole encoding (think of
        # user:password); left out are the characters that also depend on its neighbours.
        encoded = base64.b64encode(bytes(shift) + raw)
        known = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield known
        yield known.translate(_URL_SAFE)


# ---- readings --------------------------------------------------------------------------------

_LINE_END = re.compile(rb"[\r\n]")
_ESCAPED_LINE_ENDS = {b"\\": re.compile(rb"\\[rn]"), b"%": re.compile(rb"%0[DdAa]")}


class _Reading(NamedTuple):
    """A text with something taken out of it, and where a part of the rest stands in the text."""

    text: bytes
    origin: Callable[[int, int], Span] = lambda start, stop: (start, stop)
    """Begin and end of a part that is not empty → the same in the original."""


def _changed(reading: _Reading, changes: list[Change]) -> _Reading:
    """With pieces of it replaced."""
    parts: list[bytes] = []
    done = 0
    for start, stop, instead in changes:
        parts += (reading.text[done:start], instead)
        done = stop
    parts.append(reading.text[done:])
    places = _Places((start, stop, len(instead)) for start, stop, instead in changes)
    return _Reading(
        b"".join(parts), lambda start, stop: reading.origin(*places.origin(start, stop))
    )


def _unwrapped(reading: _Reading) -> _Reading:
    """Without line ends, also as JSON and addresses have them: base64 goes on behind them."""
    escaped = sorted(
        (*match.span(), b"")
        for mark, pattern in _ESCAPED_LINE_ENDS.items()
        if mark in reading.text
        for match in pattern.finditer(reading.text)
    )
    if escaped:
        reading = _changed(reading, escaped)
    # The same as by `_changed`, but there are many.
    text = reading.text.replace(b"\n", b"").replace(b"\r", b"")
    places = _Places((*match.span(), 0) for match in _LINE_END.finditer(reading.text))
    return _Reading(text, lambda start, stop: reading.origin(*places.origin(start, stop)))


class _Places:
    """Where the parts of a reading stand in the text; worked out only if that is asked."""

    def __init__(self, changes: Iterable[tuple[int, int, int]]) -> None:
        """changes: begin and end of what was replaced, in order, and how long it became."""
        self._changes = changes

    def origin(self, start: int, stop: int) -> Span:
        """Begin and end of a part that is not empty → the same in the text."""
        return self._of_byte(start)[0], self._of_byte(stop - 1)[1]

    def _of_byte(self, at: int) -> Span:
        before = bisect_right(self._table, at, key=itemgetter(0)) - 1
        if before < 0:
            return at, at + 1
        _, became_end, start, stop = self._table[before]
        if at < became_end:
            return start, stop
        at += stop - became_end
        return at, at + 1

    @functools.cached_property
    def _table(self) -> list[tuple[int, int, int, int]]:
        """Begin and end of each change in the reading, and in the text."""
        table, shift = [], 0
        for start, stop, length in self._changes:
            at = start + shift
            table.append((at, at + length, start, stop))
            shift += length - (stop - start)
        return table


# ---- searches --------------------------------------------------------------------------------


class _Search(NamedTuple):
    """What to look for, and in which reading."""

    forms: _Forms
    reading: _Reading

    def may_be_escaped(self) -> bool:
        """Whether a form may be in the reading that is not found there because of escapes."""
        return any(core in self.reading.text for core in self.forms.cores)


def _occurrences(searches: Iterable[_Search]) -> list[Span]:
    """Where forms stand in the original, in order."""
    found = []
    for forms, (text, origin) in searches:
        for form in forms.all:
            at = text.find(form)
            while at >= 0:
                found.append(origin(at, at + len(form)))
                at = text.find(form, at + 1)
    return sorted(found)


def _unfinished(searches: Iterable[_Search]) -> Iterator[int]:
    """Where in the original forms begin that more data might complete: the first of each search."""
    for forms, (text, origin) in searches:
        first = len(text)
        for form in forms.all:
            at = text.find(form[:1], max(0, len(text) - len(form) + 1), first)
            while at >= 0 and not form.startswith(text[at:]):
                at = text.find(form[:1], at + 1, first)
            if at >= 0:
                first = at
        if first < len(text):
            yield origin(first, first + 1)[0]


# ---- escapes ---------------------------------------------------------------------------------

_MAX_ESCAPE = 10
"""Bytes for one: `&#x000026;`."""

# The last group of each takes one that is cut off at the end of the text.
_ESCAPES = {
    mark: re.compile(pattern.replace(b"H", b"[0-9a-fA-F]"))
    for mark, pattern in {
        # Behind a backslash all but %, which no one escapes in that way.
        b"\\": rb"\\(?:u[dD][89abAB]HH\\u[dD][c-fC-F]HH"  # beyond 16 bits a character takes two
        rb"|((?:u[dD][89abAB]HH(?:\\(?:uH{0,3})?)?|uH{0,3}|xH?)?)\Z"
        rb"|uH{4}|xHH|[bfnrt]|[ -$&-/:-@[-`{-~])",
        b"%": rb"%(?:HH|(H?)\Z)",
        b"&": rb"&(?:(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX]H{1,6});|([#\w]{0,8})\Z)",
    }.items()
}
_NAMED = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'"}
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _escapes(text: bytes) -> tuple[list[Change], int]:
    """All that matter, in order; and where one begins that is cut off, else the end."""
    found = [
        match
        for mark, pattern in _ESCAPES.items()
        if mark in text
        for match in pattern.finditer(text)
    ]
    found.sort(key=re.Match.start)
    escapes: list[Change] = []
    done = 0
    for match in found:
        start, stop = match.span()
        if start < done:  # within another: `\&amp;`
            continue
        if match.lastindex:
            return escapes, start
        done = stop
        meant = _meant(match[0])
        # Nobody escapes letters and digits, so a form is nowhere without its core.
        if meant and not meant.isalnum():
            escapes.append((start, stop, meant))
    return escapes, len(text)


@functools.lru_cache(maxsize=1024)
def _meant(escape: bytes) -> bytes:
    """What an escape stands for; empty if that is no character."""
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
    """From a number as XML has it, `38` or `x26`; empty if there is no such character."""
    code = int(f"0{number}", 16) if number[0] in "xX" else int(number)
    return chr(code).encode("utf-8", "surrogatepass") if code <= sys.maxunicode else b""


def _outside(escapes: list[Change], at: int) -> int:
    """The place itself, or the begin of the escape in whose middle it is."""
    before = bisect_right(escapes, at, key=itemgetter(0)) - 1
    if before >= 0 and at < escapes[before][1]:
        return escapes[before][0]
    return at

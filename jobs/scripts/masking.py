"""Mask the secrets of a project in the output of its scripts, in many encodings.

An airbag, not a seatbelt: a script can always write a secret in an unforeseen encoding. Masked are
a secret and its lines, plain or quoted by a shell; base64 of the secret in both alphabets,
whatever surrounds it, on one line or several; and all of these with any characters except letters
and digits escaped as in JSON, URLs, HTML or C.

Not masked, because each would need another pass over all output: double escapes, octal escapes,
base64 in indented lines, and an escaped secret directly after a backslash or percent sign that
forms another escape with its first characters.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain.projects.secret_values import MIN_BYTES
from jobs.scripts.escapes import (
    MAX_ESCAPE,
    Change,
    Reading,
    Span,
    changed,
    find_escapes,
    may_hold_escapes,
    start_of_escape,
    unwrapped,
)

MASK = b"***"
MIN_LINE_BYTES = 6
"""Shorter lines of a multi-line secret, such as `}`, are not masked on their own."""


class Masker:
    """Replaces secrets in a stream of bytes, exactly as if the whole stream were masked at once.

    Every byte of any form of a secret is masked, and overlapping forms share one mask. Each form is
    searched for separately: one large pattern for all of them is forty times as slow. Escapes and
    line ends would multiply the forms, so they are removed from the text instead.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = [value for value in map(str.strip, secrets) if len(value.encode()) >= MIN_BYTES]
        self._texts = _Forms(form for value in values for form in _text_forms(value))
        self._codes = _Forms(form for value in values for form in _base64_forms(value.encode()))
        self._reach = MAX_ESCAPE * max(map(len, self._texts.all + self._codes.all), default=0)
        """The maximum length of an incomplete form at the end of a text."""
        self._held = b""
        self._covered = 0
        """The number of held bytes that belong to a mask already returned."""

    def mask(self, text: bytes) -> bytes:
        """Mask a text that is not part of the stream."""
        return _replaced(text, self._find(text), 0, len(text))[0]

    def feed(self, data: bytes) -> bytes:
        """Add to the stream, and return what can no longer become part of a secret, masked."""
        if not self._reach:
            return data
        text = self._held + data
        # No escape continues after a line end, so the search for escapes may start there.
        skipped = text.rfind(b"\n", 0, max(0, len(text) - self._reach)) + 1
        escapes, closed = find_escapes(text[skipped:])
        tail = self._searches(text[skipped : skipped + closed], escapes)
        end = skipped + start_of_escape(escapes, min([closed, *_unfinished(tail)]))
        found = self._find(text) if skipped else _occurrences(tail)
        masked, done = _replaced(text, found, self._covered, end)
        self._held, self._covered = text[end:], max(0, done - end)
        return masked

    def flush(self) -> bytes:
        """Return the held bytes, masked: the stream pauses or ends here."""
        text = self._held
        masked, _ = _replaced(text, self._find(text), self._covered, len(text))
        self._held, self._covered = b"", 0
        return masked

    def _find(self, text: bytes) -> list[Span]:
        """Return the spans of all forms, in order."""
        searches = self._searches(text, [])
        if may_hold_escapes(text) and any(map(_Search.may_be_escaped, searches)):
            searches = self._searches(text, find_escapes(text)[0])
        return _occurrences(searches)

    def _searches(self, text: bytes, escapes: list[Change]) -> list["_Search"]:
        readings = [Reading(text)]
        if escapes:  # in addition: a backslash before a secret seems to escape its first character
            readings.append(changed(readings[0], escapes))
        return [
            search
            for reading in readings
            for search in (_Search(self._texts, reading), _Search(self._codes, unwrapped(reading)))
        ]


def _replaced(text: bytes, found: list[Span], done: int, end: int) -> tuple[bytes, int]:
    """Mask the text from `done`, the end of an open mask, to `end`.

    Returns it with the end of its last mask. No incomplete form may begin before `end`.
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


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NEVER_ESCAPED = re.compile(rb"[A-Za-z0-9]*")


class _Forms:
    """Forms and their cores: the longest part of each that no escaping changes.

    Escapes are undone only in texts that hold a core. So output full of escapes is slow if a secret
    consists of single letters and digits between other characters: its core is everywhere.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        self.all = sorted(set(forms))
        cores = {form: max(_NEVER_ESCAPED.findall(form), key=len) for form in self.all}
        self.cores = {core for form, core in cores.items() if core != form}


def _text_forms(whole: str) -> Iterator[bytes]:
    """Return a secret and its lines in every form that undoing escapes does not cover."""
    lines = map(str.strip, whole.splitlines())
    for text in (
        whole,
        whole.replace(" ", "+"),  # web forms
        whole.replace("'", r"'\''"),  # bash with `set -x`
        whole.replace("'", """'"'"'"""),  # Python's shlex
        *(line for line in lines if len(line.encode()) >= MIN_LINE_BYTES),
    ):
        form = text.encode()
        yield form
        # Undoing escapes also changes anything in the secret itself that looks like one.
        unescaped = changed(Reading(form), find_escapes(form)[0]).text
        if len(unescaped) >= MIN_LINE_BYTES:
            yield unescaped


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        # The position of a secret within a group of three bytes changes its whole encoding (as in
        # user:password). Characters that also depend on the neighbors are left out.
        encoded = base64.b64encode(bytes(shift) + raw)
        known = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield known
        yield known.translate(_URL_SAFE)


class _Search(NamedTuple):
    """Forms to look for in a reading."""

    forms: _Forms
    reading: Reading

    def may_be_escaped(self) -> bool:
        """Return whether escapes may hide a form in the reading."""
        return any(core in self.reading.text for core in self.forms.cores)


def _occurrences(searches: Iterable[_Search]) -> list[Span]:
    """Return the spans of all forms in the original, in order."""
    found = []
    for forms, (text, origin) in searches:
        for form in forms.all:
            at = text.find(form)
            while at >= 0:
                found.append(origin(at, at + len(form)))
                at = text.find(form, at + 1)
    return sorted(found)


def _unfinished(searches: Iterable[_Search]) -> Iterator[int]:
    """Return, for each search, the start of the first form that more data might complete."""
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

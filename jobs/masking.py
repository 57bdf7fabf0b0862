"""Takes the secrets of a project out of what its scripts print, in whatever form they print them.

An airbag, not a seatbelt: a script can always write a secret in a way that nobody foresees.
"""

import base64
import html
import json
import urllib.parse
from collections.abc import Iterable, Iterator

from domain.secret_values import MIN_BYTES

MASK = b"***"
MIN_LINE_BYTES = 6
"""Shorter lines of a secret that has several are not masked by themselves: think of `}`."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Masker:
    """Replaces secrets in a stream of bytes, just as if all of it were masked at once.

    What belongs to any form of any secret is masked; forms that overlap share one mask. Each form
    is looked for by itself: a large pattern of all of them costs forty times as much.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)})
        self._held = b""
        self._covered = 0
        """How many of the bytes held belong to a mask that has been given out already."""

    def mask(self, text: bytes) -> bytes:
        """The same for a text of its own, apart from the stream."""
        return self._masked(text, 0, len(text))[0]

    def feed(self, data: bytes) -> bytes:
        """Add to the stream; what can no longer become a part of a secret, masked."""
        if not self._forms:
            return data
        text = self._held + data
        end = self._unfinished(text)
        masked, done = self._masked(text, self._covered, end)
        self._held, self._covered = text[end:], max(0, done - end)
        return masked

    def flush(self) -> bytes:
        """The stream pauses or ends: what was held back."""
        masked, _ = self._masked(self._held, self._covered, len(self._held))
        self._held, self._covered = b"", 0
        return masked

    def _masked(self, text: bytes, done: int, end: int) -> tuple[bytes, int]:
        """The text from `done`, where an open mask ends, to `end`; how far its last mask reaches.

        No form may begin before `end` and be still incomplete.
        """
        parts: list[bytes] = []
        for start, stop in self._found(text):
            if start >= end:
                break
            if start >= done:
                parts += (text[done:start], MASK)
            done = max(done, stop)
        parts.append(text[done:end])
        return b"".join(parts), done

    def _found(self, text: bytes) -> list[tuple[int, int]]:
        """Where forms begin and end, in order."""
        found = []
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = text.find(form, at + 1)
        return sorted(found)

    def _unfinished(self, text: bytes) -> int:
        """Where the first form begins that more data might complete; the length if none does."""
        first = len(text)
        for form in self._forms:
            at = text.find(form[:1], max(0, len(text) - len(form) + 1), first)
            while at >= 0 and not form.startswith(text[at:]):
                at = text.find(form[:1], at + 1, first)
            if at >= 0:
                first = at
        return first


def _forms(secret: str) -> Iterator[bytes]:
    """Every form in which a secret is likely to be printed, whole and line by line."""
    whole = secret.strip()
    if len(whole.encode()) < MIN_BYTES:
        return
    yield from _quoted(whole)
    yield from _base64(whole.encode())
    for line in map(str.strip, whole.splitlines()):
        if len(line.encode()) >= MIN_LINE_BYTES:
            yield line.encode()


def _quoted(text: str) -> Iterator[bytes]:
    """As it is, and as addresses, JSON, XML and shells write it."""
    raw = text.encode()
    yield raw
    for unquoted in ("", "/", "!'()*"):  # the strict way, Python's default, JavaScript's
        yield urllib.parse.quote(raw, safe=unquoted).encode()
    yield urllib.parse.quote_plus(raw).encode()
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield html.escape(text, quote=False).encode()
    yield html.escape(text).encode()
    yield text.replace("'", r"'\''").encode()  # bash with `set -x`
    yield text.replace("'", """'"'"'""").encode()  # Python's shlex


def _base64(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        # Where a secret begins within a group of three bytes changes its whole encoding (think of
        # user:password); left out are the characters that also depend on its neighbours.
        encoded = base64.b64encode(bytes(shift) + raw)
        known = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield known
        yield known.translate(_URL_SAFE)
        if shift == 0:
            for width in (64, 76):  # the lines of openssl; of base64 and MIME
                yield b"\n".join(known[at : at + width] for at in range(0, len(known), width))

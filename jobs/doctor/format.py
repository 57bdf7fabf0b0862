"""What a person is told: numbers, lists, and addresses without what is secret in them."""

import re
from collections.abc import Iterable, Sequence, Sized
from urllib.parse import unquote

_UNITS = ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def span(milliseconds: float) -> str:
    """`3 s`, `5 min`, `2 h`, `3 days`: in the largest unit of which there are two."""
    for size, name in _UNITS:
        if milliseconds >= 2 * size:
            return f"{milliseconds // size:.0f} {name}"
    return f"{milliseconds / 1000:.1f} s"


def size(count: float) -> str:
    """Bytes, in the largest unit of which there is one."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def many(things: Sized, singular: str, plural: str = "") -> str:
    """`1 step`, `2 steps`."""
    return f"{len(things)} {singular if len(things) == 1 else plural or singular + 's'}"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


_OWN_FILES = re.compile(r"(file://)?/(?!/).*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ADDRESS = re.compile(
    rf"""
    (?P<scheme> {_SCHEME.pattern} )
    (?P<who> [^?#]*@ )?                                 # to the last @: passwords may hold some
    (?P<place> [\w.-]* (:\d+)? (/[\w.~+%,/ -]*)? )
    (?P<more> \?[^@]* )?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_credentials(url: str) -> str:
    """An address as it may be shown: where it lies, but not for whom, and nothing of its query.

    Only its scheme where these cannot be told apart for certain, as with a ? in a password.
    """
    if _OWN_FILES.fullmatch(url):
        return url
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        scheme = _SCHEME.match(url)
        return f"{scheme[0] if scheme else ''}…"
    who, more = "…@" if parts["who"] else "", "?…" if parts["more"] else ""
    return f"{parts['scheme']}{who}{parts['place']}{more}"


def first_line(error: Exception) -> str:
    """What a driver says first; the rest is for its own developers."""
    return str(error).strip().partition("\n")[0]


def masked(text: str, urls: Iterable[str]) -> str:
    """The text without any word of the URLs that `without_credentials` would leave out.

    Word by word, for drivers take a URL apart at other places than whoever wrote it meant.
    """
    hidden = {word for url in urls for word in _hidden_words(url)}
    return re.sub(r"\w+", lambda word: "…" if word[0].casefold() in hidden else word[0], text)


def _hidden_words(url: str) -> set[str]:
    return _words(url) - _words(without_credentials(url))


def _words(url: str) -> set[str]:
    """As they are written, and as they are meant."""
    return set(re.findall(r"\w+", f"{url} {unquote(url)}".casefold()))

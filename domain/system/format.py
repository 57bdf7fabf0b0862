"""Numbers, lists, and addresses as text, without the credentials in them."""

import re
from collections.abc import Iterable, Sequence, Sized
from urllib.parse import unquote

_UNITS = ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def span(milliseconds: float) -> str:
    """Return a duration in the largest unit that gives at least two, such as `5 min`."""
    for size, name in _UNITS:
        if milliseconds >= 2 * size:
            return f"{milliseconds // size:.0f} {name}"
    return f"{milliseconds / 1000:.1f} s"


def size(count: float) -> str:
    """Return a number of bytes in the largest unit that gives at least one, such as `1.5 GiB`."""
    units = ["TiB", "GiB", "MiB", "KiB", "bytes"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop()
    return f"{count:.1f}".removesuffix(".0") + f" {units[-1]}"


def many(things: Sized, singular: str, plural: str = "") -> str:
    """Return the number of things with their noun, such as `2 steps`."""
    return f"{len(things)} {singular if len(things) == 1 else plural or singular + 's'}"


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


_OWN_FILES = re.compile(r"(file://)?/(?!/).*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ADDRESS = re.compile(
    rf"""
    (?P<scheme> {_SCHEME.pattern} )
    (?P<user> [^?#]*@ )?                                # to the last @: passwords may hold some
    (?P<place> [\w.-]* (:\d+)? (/[\w.~+%,/ -]*)? )
    (?P<query> \?[^@]* )?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_credentials(url: str) -> str:
    """Return a URL without its user, password, and query.

    Only the scheme is left if these cannot be separated for certain, as with a ? in a password.
    """
    if _OWN_FILES.fullmatch(url):
        return url
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        scheme = _SCHEME.match(url)
        return f"{scheme[0] if scheme else ''}…"
    user, query = "…@" if parts["user"] else "", "?…" if parts["query"] else ""
    return f"{parts['scheme']}{user}{parts['place']}{query}"


def first_line(error: Exception) -> str:
    """Return the first line of a driver's message; the rest is for its developers."""
    return str(error).strip().partition("\n")[0]


def masked(text: str, urls: Iterable[str]) -> str:
    """Mask the words of the URLs that `without_credentials` leaves out.

    Single words are masked, because a driver may split a malformed URL in unexpected places.
    """
    hidden = {word for url in urls for word in _words(url) - _words(without_credentials(url))}
    return re.sub(r"\w+", lambda word: "…" if word[0].casefold() in hidden else word[0], text)


def _words(url: str) -> set[str]:
    """Return the words of a URL, both percent-encoded and decoded."""
    return set(re.findall(r"\w+", f"{url} {unquote(url)}".casefold()))

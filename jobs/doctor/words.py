"""Numbers as a person reads them."""

import re
from collections.abc import Sequence, Sized

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


def without_password(url: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//…@", url)

"""Bytes from anybody → JSON that every part behind may trust.

What comes out has no NaN, no number beyond 64 bits, no NUL and no lone surrogate (PostgreSQL
stores neither), no key twice and no bottomless nesting.
"""

import json
import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NoReturn

from domain.errors import BadRequest, FieldError, Invalid
from domain.validation.messages import pointer

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
_MAX_INTEGER_DIGITS = 19
MAX_EXACT = 2**53
"""Beyond it not every whole number is a float of its own."""


def parse(data: bytes) -> Any:
    """The value that `data` holds.

    Raises BadRequest `malformed_json` if it is not JSON, Invalid with a pointer to every value
    that JSON allows but no field of ours can hold.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_int=integer,
            parse_float=number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    faults = list(_faults(value))
    if faults:
        raise Invalid(faults)
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """As `parse`, for a body that has to be an object."""
    value = parse(data)
    if not isinstance(value, dict):
        raise _malformed("it must be an object: {…}")
    return value


def is_storable(text: str) -> bool:
    """Whether both databases can keep `text`."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _malformed(why: str) -> BadRequest:
    return BadRequest(f"The body cannot be read as JSON: {why}.", code="malformed_json")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def integer(digits: str) -> int:
    # Text this long is out of range anyway, and Python refuses to convert thousands of digits.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS + 1 else MAX_INTEGER + 1


def number(text: str) -> int | float:
    """JSON has one kind of number: 3.0 is 3, as JSON Schema says too."""
    found = float(text)
    is_whole = found.is_integer() and abs(found) <= MAX_EXACT
    return int(found) if is_whole else found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return members


def _faults(value: Any) -> Iterator[FieldError]:
    waiting: deque[tuple[tuple[str | int, ...], Any]] = deque([((), [value])])
    while waiting:
        path, container = waiting.popleft()
        if len(path) > MAX_DEPTH:
            raise _malformed("it is nested too deeply")
        members = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in members:
            if isinstance(key, str) and not is_storable(key):
                yield FieldError(
                    pointer(path[1:]), "invalid_text", "A key holds a forbidden character."
                )
            elif isinstance(item, dict | list):
                waiting.append(((*path, key), item))
            elif found := problem(item):
                yield FieldError(pointer((*path, key)[1:]), *found)


def problem(value: Any) -> tuple[str, str] | None:
    """Code and sentence for a text or number that cannot be kept."""
    if isinstance(value, str) and not is_storable(value):
        return "invalid_text", "Text must not hold NUL characters or half surrogate pairs."
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return "out_of_range", "Whole numbers must fit into 64 bits."
    if isinstance(value, float) and not math.isfinite(value):
        return "out_of_range", "This number is too large."
    return None

"""JSON from untrusted bytes, limited to values that every other part can handle.

The result holds no NaN, no number beyond 64 bits, no NUL or lone surrogate (PostgreSQL stores
neither), no duplicate key and no nesting beyond MAX_DEPTH.
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
"""The largest range in which a float can represent every whole number."""


def parse(data: bytes) -> Any:
    """Return the value that `data` holds.

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
    if errors := list(_errors(value)):
        raise Invalid(errors)
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the object that `data` holds; otherwise like `parse`."""
    value = parse(data)
    if not isinstance(value, dict):
        raise _malformed("it must be an object: {…}")
    return value


def is_storable(text: str) -> bool:
    """Return whether both databases can store `text`."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _malformed(why: str) -> BadRequest:
    return BadRequest(f"The body cannot be read as JSON: {why}.", code="malformed_json")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def integer(digits: str) -> int:
    """Return the whole number, or one that is out of range if it has too many digits."""
    # Text this long is out of range anyway, and Python refuses to convert thousands of digits.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS + 1 else MAX_INTEGER + 1


def number(text: str) -> int | float:
    """Return the number: JSON has only one kind, so 3.0 is 3, as in JSON Schema."""
    found = float(text)
    is_whole = found.is_integer() and abs(found) <= MAX_EXACT
    return int(found) if is_whole else found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} appears twice in one object")
    return members


def _errors(value: Any) -> Iterator[FieldError]:
    waiting: deque[tuple[tuple[str | int, ...], Any]] = deque([((), [value])])
    while waiting:
        path, container = waiting.popleft()
        if len(path) > MAX_DEPTH:
            raise _malformed("it is nested too deeply")
        members = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in members:
            if isinstance(key, str) and not is_storable(key):
                message = "A key contains a forbidden character."
                yield FieldError(pointer(path[1:]), "invalid_text", message)
            elif isinstance(item, dict | list):
                waiting.append(((*path, key), item))
            elif found := problem(item):
                yield FieldError(pointer((*path, key)[1:]), *found)


def problem(value: Any) -> tuple[str, str] | None:
    """Return code and sentence for a text or number that cannot be stored."""
    if isinstance(value, str) and not is_storable(value):
        return "invalid_text", "Text must not contain NUL characters or lone surrogates."
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return "out_of_range", "Whole numbers must fit into 64 bits."
    if isinstance(value, float) and not math.isfinite(value):
        return "out_of_range", "This number is too large."
    return None

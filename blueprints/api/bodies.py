"""Bodies as JSON text, before any schema looks at them."""

from typing import Any

from flask import request

from blueprints.shared.context import MAX_BODY_BYTES
from domain.errors import FieldError, Invalid, TooLarge, WrongMediaType
from domain.validation.messages import pointer
from domain.validation.strict_json import parse_object


def read_object(*, optional: bool = False) -> dict[str, Any]:
    """The body as a JSON object, checked as text only; {} for no body if it is `optional`.

    Raises BadRequest, TooLarge, WrongMediaType, Invalid.
    """
    data = request.get_data()
    if len(data) > MAX_BODY_BYTES:
        raise TooLarge("The body is too large: 1 MiB is the limit.")
    if not data and optional:
        return {}
    if not request.is_json:
        given = request.mimetype or "none"
        raise WrongMediaType(f"Send the body as application/json, not {given}.")
    return parse_object(data)


def refuse_body() -> None:
    """For calls that take none: what somebody sends all the same must mean something to them.

    Raises as `read_object` does, and Invalid by the name of every member.
    """
    members = read_object(optional=True)
    if members:
        raise Invalid(
            [
                FieldError(pointer([name]), "unknown_field", "This call takes no body.")
                for name in members
            ]
        )

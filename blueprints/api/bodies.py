"""Bodies as JSON text, before any schema checks them."""

from typing import Any

from flask import request

from blueprints.shared.context import MAX_BODY_BYTES
from domain.errors import FieldError, Invalid, TooLarge, WrongMediaType
from domain.validation.messages import pointer
from domain.validation.strict_json import parse_object


def read_object(*, optional: bool = False) -> dict[str, Any]:
    """Return the body as a JSON object, checked as text only; {} for no body if `optional`.

    Raises BadRequest, TooLarge, WrongMediaType, Invalid.
    """
    data = request.get_data()
    if len(data) > MAX_BODY_BYTES:
        raise TooLarge("The body is too large. The limit is 1 MiB.")
    if not data and optional:
        return {}
    if not request.is_json:
        given = request.mimetype or "none"
        raise WrongMediaType(f"Send the body as application/json, not {given}.")
    return parse_object(data)


def refuse_body() -> None:
    """Refuse a body for calls that take none: a client that sends one expects an effect.

    Raises as `read_object` does, and Invalid with the name of every member.
    """
    members = read_object(optional=True)
    if members:
        raise Invalid(
            [
                FieldError(pointer([name]), "unknown_field", "This call takes no body.")
                for name in members
            ]
        )

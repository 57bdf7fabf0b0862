"""Forms of pages: read with the schemas of the API, and shown again with their errors.

A field has the name of its member in the body, such as `settings.path` for a nested one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_origin

from flask import request
from flask.typing import ResponseReturnValue

from blueprints.requests.base import Schema, check
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotFound

S = TypeVar("S", bound=Schema)


@dataclass(frozen=True)
class Form:
    """A form for a template: empty, or as typed, with its errors."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[FieldError] = ()


def read_form(schema: type[S], **given: Any) -> S:
    """Read the submitted form as `schema`. Raises Invalid with every error.

    An empty field is omitted if the schema allows it. given: members from elsewhere.
    """
    body: dict[str, Any] = {}
    for name, member in schema.model_fields.items():
        key = member.alias or name
        if get_origin(member.annotation) is list:
            values: Any = [value for value in request.form.getlist(key) if value]
        elif get_origin(member.annotation) is dict:
            values = _members(f"{key}.")
        else:
            values = _last(key)
        if values or (values == "" and member.default is not None):
            body[key] = values
    return check(schema, {**body, **given}, strict=False)


def _last(name: str) -> str | None:
    """Return the last value, because a checkbox follows a hidden "false" of the same name.

    Browsers end lines with CR LF, which shells do not understand.
    """
    values = request.form.getlist(name)
    return values[-1].replace("\r\n", "\n") if values else None


def _members(prefix: str) -> dict[str, str]:
    names = (name for name in request.form if name.startswith(prefix))
    return {name.removeprefix(prefix): value for name in names if (value := _last(name))}


def typed() -> dict[str, str]:
    """Return the typed fields for the template, without passwords and secrets."""
    hidden = ("csrf_token", "password", "currentPassword", "value")
    return {name: _last(name) or "" for name in request.form if name not in hidden}


def saved(
    save: Callable[[], ResponseReturnValue], show: Callable[[Form], str]
) -> ResponseReturnValue:
    """Return the answer of `save`; if it fails, the page that `show` makes of the typed form."""
    try:
        return save()
    except (Invalid, Conflict, NotFound, Forbidden) as error:
        if isinstance(error, Forbidden) and not error.errors:
            raise  # the form is not the reason
        return show(Form(typed(), error.field_errors())), error.status

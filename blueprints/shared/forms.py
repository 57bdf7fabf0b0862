"""Forms of pages: read with the schemas of the API; shown again as typed, with what is wrong.

A field is named as the member of the body that it is, a member of an object as `settings.path`.
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
    """What the template shows of a form: empty, or as it was typed, with what is wrong."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()


def read_form(schema: type[S], **given: Any) -> S:
    """The form that was sent, as `schema`. Raises Invalid with every fault.

    A field that was left empty is no member where the schema does without. given: members that do
    not come from the form.
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
    """A checkbox comes after a hidden "false" of the same name: the last value counts.

    Browsers send lines with CR LF, which no shell takes.
    """
    values = request.form.getlist(name)
    return values[-1].replace("\r\n", "\n") if values else None


def _members(prefix: str) -> dict[str, str]:
    names = (name for name in request.form if name.startswith(prefix))
    return {name.removeprefix(prefix): value for name in names if (value := _last(name))}


def typed() -> dict[str, str]:
    """What was typed, for the template; never a password or a secret."""
    hidden = ("csrf_token", "password", "currentPassword", "value")
    return {name: _last(name) or "" for name in request.form if name not in hidden}


def saved(
    save: Callable[[], ResponseReturnValue], show: Callable[[Form], str]
) -> ResponseReturnValue:
    """What `save` answers; if it refuses, the page that `show` makes of the form as typed."""
    try:
        return save()
    except (Invalid, Conflict, NotFound, Forbidden) as error:
        if isinstance(error, Forbidden) and not error.details:
            raise  # it is not the form that is wrong
        return show(Form(typed(), _faults(error))), error.status


def _faults(error: Invalid | Conflict | NotFound | Forbidden) -> Sequence[Mapping[str, Any]]:
    return error.details or [FieldError("", error.code, error.message).as_dict()]

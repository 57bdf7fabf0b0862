"""Double submits: a form that is sent twice, by a double click, does only once what it asks for.

Every page gives its forms another `formId`. It works like an Idempotency-Key of the API, except
that the choices in the form belong to the key: other choices make another request.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from flask import request
from pydantic import StringConstraints

from blueprints.shared.guards import current_actor
from domain.accounts.idempotency import Answer, Keyed, idempotent
from domain.models import Run

T = TypeVar("T")

FormId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{24}$")]


def start_once(form_id: str | None, choice: Any, start: Callable[[], Run]) -> str:
    """Return the address of the run that the form starts or has started, as in `create_once`."""
    return create_once(form_id, choice, start, lambda run: f"/runs/{run.id}")[1]


def create_once(
    form_id: str | None, choice: Any, create: Callable[[], T], address_of: Callable[[T], str]
) -> tuple[T | None, str]:
    """Create something and return it with its address, or None if the same form has created it.

    form_id: None for a form without one, which creates something each time. choice: the contents
    of the form, compared by their `repr`.
    """
    made = idempotent(
        _key_of(form_id, choice),
        create,
        lambda created: Answer(303, {}, {"Location": address_of(created)}),
    )
    created, answer = made
    return created, answer.headers["Location"]


def _key_of(form_id: str | None, choice: Any) -> Keyed | None:
    if form_id is None:
        return None
    digest = hashlib.sha256(repr(choice).encode()).hexdigest()
    target = f"{request.method} {request.path} {digest}"
    return Keyed(current_actor().user_id, form_id, target, body_hash="")

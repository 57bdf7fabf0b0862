"""A page's form that is sent twice, by a double click, does once what it asks for.

Every page gives its forms another `formId`. It works like an Idempotency-Key of the API, but what
was chosen belongs to the key: another choice on the same page is another request.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from flask import request
from pydantic import StringConstraints

from blueprints.shared.guards import current_actor
from domain.accounts.idempotency import Answer, Keyed, first_answer, keep
from domain.errors import Conflict
from domain.models import Run

FormId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{24}$")]


def start_once(
    form_id: str | None, choice: Any, start: Callable[[Callable[[Run], None]], Run]
) -> str:
    """The address of the run that `start` makes, or that it has made for the same request.

    start: calls what it is given with the run, within the run's transaction. form_id: None for a
    form without one, which starts a run each time. choice: what the form says; by its `repr`.
    """
    keyed = key_of(form_id, choice)
    if keyed and (first := first_answer(keyed)):
        return first.headers["Location"]
    try:
        run = start(lambda run: keep(keyed, Answer(303, {}, {"Location": _address(run)})))
    except Conflict:
        if keyed and (first := first_answer(keyed)):  # sent at the same time, and faster
            return first.headers["Location"]
        raise
    return _address(run)


def key_of(form_id: str | None, choice: Any) -> Keyed | None:
    """What this request has in common only with itself, sent again; as in `start_once`."""
    if form_id is None:
        return None
    digest = hashlib.sha256(repr(choice).encode()).hexdigest()
    target = f"{request.method} {request.path} {digest}"
    return Keyed(current_actor().user_id, form_id, target, body_hash="")


def _address(run: Run) -> str:
    return f"/runs/{run.id}"

"""What all JSON endpoints share: reading bodies, lists, idempotency keys."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from blueprints.api.operations import operation_of
from blueprints.guards import current_actor
from blueprints.schemas import PageQuery, Schema, check
from blueprints.strict_json import parse_object
from domain.errors import BadRequest, TooLarge, WrongMediaType
from domain.idempotency import Answer, Keyed, first_answer, keep
from domain.models import Run

S = TypeVar("S", bound=Schema)
MAX_BODY_BYTES = 1024 * 1024


# ---- bodies ----------------------------------------------------------------------------------


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


def read_json(schema: type[S]) -> S:
    """The body as `schema`, which the operation declares; Invalid names every fault."""
    declared = operation_of(request.endpoint)
    if declared is None or declared.body is not schema:
        raise TypeError(f"{request.endpoint} is not declared to read a {schema.__name__}")
    return check(schema, read_object(optional=declared.body_is_optional))


# ---- answers ---------------------------------------------------------------------------------


def listing(items: Sequence[Any], total: int, page: PageQuery, **more: Any) -> ResponseReturnValue:
    """The envelope of every list; `more` such as nextCursor."""
    return jsonify(items=items, totalCount=total, page=page.page, pageSize=page.page_size, **more)


def created(body: Any, location: str) -> Response:
    response = jsonify(body)
    response.status_code = 201
    response.headers["Location"] = location
    return response


# ---- idempotency keys ------------------------------------------------------------------------


def idempotency_key() -> Keyed | None:
    """The request's Idempotency-Key, bound to who sends what where; None without one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadRequest(
            "Idempotency-Key must be 1 to 255 printable ASCII characters.",
            code="invalid_idempotency_key",
        )
    digest = hashlib.sha256(request.get_data()).hexdigest()
    return Keyed(current_actor().user_id, key, f"{request.method} {request.path}", digest)


def started(start: Callable[[Callable[[Run], None]], Run]) -> Response:
    """Answer a request that starts a run; one whose Idempotency-Key is known starts nothing.

    start: makes the run and calls what it is given within the run's transaction.
    """
    keyed = idempotency_key()
    if keyed and (first := first_answer(keyed)):
        return replayed(first)
    answer = _answer_of(start(lambda run: keep(keyed, _answer_of(run))))
    return created(answer.body, answer.headers["Location"])


def _answer_of(run: Run) -> Answer:
    where = {"Location": f"/api/workflowruns/{run.id}"}
    return Answer(201, {"runId": run.id, "status": run.status}, where)


def replayed(answer: Answer) -> Response:
    """The first answer again."""
    response = jsonify(answer.body)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response.headers["Idempotent-Replayed"] = "true"
    return response

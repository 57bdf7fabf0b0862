"""What all JSON endpoints share: reading bodies and queries, lists, idempotency keys."""

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from blueprints import is_api
from blueprints.guards import current_actor
from blueprints.schemas import PageQuery, Schema, check, query_parameters
from blueprints.strict_json import parse_object
from domain.errors import BadRequest, TooLarge, WrongMediaType
from domain.idempotency import Answer, Keyed, first_answer, keep
from domain.models import Run

S = TypeVar("S", bound=Schema)
MAX_BODY_BYTES = 1024 * 1024

View = Callable[..., ResponseReturnValue]


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


def read_json(schema: type[S], *, optional: bool = False) -> S:
    """The body as `schema`; Invalid names every fault. See `read_object`."""
    return check(schema, read_object(optional=optional))


# ---- queries ---------------------------------------------------------------------------------


def query(schema: type[Schema]) -> Callable[[View], View]:
    """Give the view its query parameters, checked, as the keyword `query`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def with_query(**arguments: Any) -> ResponseReturnValue:
            return view(**arguments, query=_read_query(schema))

        with_query.query_schema = schema  # type: ignore[attr-defined]
        return with_query

    return decorate


def refuse_unknown_query() -> None:
    """Before every API request: parameters that its view does not take are an error, not a typo."""
    if not is_api() or request.url_rule is None or not request.args:
        return
    view = current_app.view_functions[request.url_rule.endpoint]
    schema = getattr(view, "query_schema", None)
    known = query_parameters(schema) if schema else {}
    unknown = [name for name in request.args if name not in known]
    if unknown:
        raise BadRequest(
            f"There is no query parameter {', '.join(map(repr, unknown))} here.",
            code="unknown_query_parameter",
            details=[
                {"field": f"/{name}", "code": "unknown_field", "message": f"No parameter {name!r}."}
                for name in unknown
            ],
        )


def _read_query(schema: type[S]) -> S:
    given: dict[str, Any] = {}
    for name, many in query_parameters(schema).items():
        values = request.args.getlist(name)
        if len(values) > 1 and not many:
            raise BadRequest(f"{name!r} is given more than once.", code="invalid_query")
        if values:
            given[name] = values if many else values[0]
    return check(schema, given, strict=False)


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

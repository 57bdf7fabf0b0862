"""What all JSON endpoints share: reading bodies, lists, idempotency keys."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from blueprints.api.bodies import read_object
from blueprints.api.operations import operation_of
from blueprints.requests.base import PageQuery, Schema, check
from blueprints.shared.guards import current_actor
from domain.accounts.idempotency import Answer, Keyed, first_answer, keep
from domain.errors import BadRequest, Conflict
from domain.models import Run

S = TypeVar("S", bound=Schema)


# ---- bodies ----------------------------------------------------------------------------------


def read_json(schema: type[S]) -> S:
    """The body as `schema`, which the operation declares; Invalid names every fault."""
    declared = operation_of(request.endpoint)
    if declared is None or declared.body is not schema:
        raise TypeError(f"{request.endpoint} is not declared to read a {schema.__name__}")
    return check(schema, read_object(optional=declared.body_is_optional))


# ---- answers ---------------------------------------------------------------------------------


def listing(items: Sequence[Any], total: int, page: PageQuery, **more: Any) -> ResponseReturnValue:
    """The envelope of every list; `more` such as nextCursor."""
    response = jsonify(
        items=items, totalCount=total, page=page.page, pageSize=page.page_size, **more
    )
    links = {rel: f'<{_address_with(**to)}>; rel="{rel}"' for rel, to in _pages(total, page, more)}
    if links:
        response.headers["Link"] = ", ".join(links.values())
    return response


def _pages(
    total: int, page: PageQuery, more: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The other pages of a list, as Link headers name them: what differs in their addresses."""
    last = max(1, -(-total // page.page_size))
    if "nextCursor" in more:
        yield "first", {"cursor": None, "page": None}
        if more["nextCursor"]:
            yield "next", {"cursor": more["nextCursor"], "page": None}
        return
    yield "first", {"page": 1}
    if 1 < page.page <= last + 1:
        yield "prev", {"page": page.page - 1}
    if page.page < last:
        yield "next", {"page": page.page + 1}
    yield "last", {"page": last}


def _address_with(**changed: Any) -> str:
    """This request's address with some of its query changed; None takes a parameter out."""
    query = {**request.args.to_dict(flat=False), **changed}
    pairs = {name: value for name, value in query.items() if value is not None}
    text = urlencode(pairs, doseq=True)
    path = quote(request.path)
    return f"{path}?{text}" if text else path


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


def once(make: Callable[[Callable[[Answer], None]], Answer]) -> Response:
    """Answer a request by what it makes; one whose Idempotency-Key is known makes nothing.

    make: calls what it is given with the answer, within the transaction that makes the thing.
    """
    keyed = idempotency_key()
    if keyed and (first := first_answer(keyed)):
        return replayed(first)
    try:
        answer = make(lambda answer: keep(keyed, answer))
    except Conflict:
        # Of two with one key, the slower meets the key of the faster, or before that its name.
        if keyed and (first := first_answer(keyed)):
            return replayed(first)
        raise
    return _response(answer)


def started(start: Callable[[Callable[[Run], None]], Run]) -> Response:
    """Answer a request that starts a run, as `once` does.

    start: makes the run and calls what it is given within the run's transaction.
    """
    return once(lambda kept: _answer_of(start(lambda run: kept(_answer_of(run)))))


def _answer_of(run: Run) -> Answer:
    where = {"Location": f"/api/workflowruns/{run.id}"}
    return Answer(201, {"runId": run.id, "status": run.status}, where)


def _response(answer: Answer) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    return response


def replayed(answer: Answer) -> Response:
    """The first answer again."""
    response = _response(answer)
    response.headers["Idempotent-Replayed"] = "true"
    return response

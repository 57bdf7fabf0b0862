"""Helpers of all JSON endpoints: bodies, lists and idempotency keys."""

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
from domain.accounts.idempotency import Answer, Keyed, idempotent
from domain.errors import BadRequest
from domain.models import Run

S = TypeVar("S", bound=Schema)
T = TypeVar("T")


def read_json(schema: type[S]) -> S:
    """Return the body as `schema`, which the operation declares. Raises Invalid."""
    declared = operation_of(request.endpoint)
    if declared is None or declared.body is not schema:
        raise TypeError(f"{request.endpoint} is not declared to read a {schema.__name__}")
    return check(schema, read_object(optional=declared.body_is_optional))


def listing(items: Sequence[Any], total: int, page: PageQuery, **more: Any) -> ResponseReturnValue:
    """Return the envelope that all lists share. more: further members, such as nextCursor."""
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
    """Yield the relations of a Link header, each with what differs in its address."""
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
    """Return this request's address with a changed query; None removes a parameter."""
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


def idempotency_key() -> Keyed | None:
    """Return the request's Idempotency-Key, bound to its user, target and body, or None."""
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


def once(create: Callable[[], T], answer_of: Callable[[T], Answer]) -> Response:
    """Create something, or return the first answer for a known Idempotency-Key."""
    made = idempotent(idempotency_key(), create, answer_of)
    created, answer = made
    response = jsonify(answer.body)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    if created is None:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def started(start: Callable[[], Run]) -> Response:
    """Answer a request that starts a run, as `once` does."""
    return once(start, _answer_of)


def _answer_of(run: Run) -> Answer:
    where = {"Location": f"/api/workflowruns/{run.id}"}
    return Answer(201, {"runId": run.id, "status": run.status}, where)

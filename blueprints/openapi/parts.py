"""Parameters and answers, as the OpenAPI document describes them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from blueprints.api.operations import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    Content,
    Operation,
)
from blueprints.api.routes import Route, camel
from blueprints.openapi.schemas import REF, Schemas
from blueprints.responses.base import Failure, Problem
from domain.validation import patterns

JSON = "application/json"
PROBLEM = "application/problem+json"
REQUEST_ID = "X-Request-Id"

REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    IDEMPOTENCY_KEY: {
        "description": "The same key with the same body gives the first answer again for 24 hours.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[ -~]*$",
            "examples": ["release-2026-01-31"],
        },
    },
    IF_MATCH: {
        "description": "The ETag that you read: if somebody has saved since, nothing is changed "
        "and the answer is 412. Without it the newest is changed.",
        "schema": {"type": "string"},
    },
    IF_NONE_MATCH: {
        "description": "The ETag that you have: 304 when nothing has changed.",
        "schema": {"type": "string"},
    },
    "Range": {
        "description": "Which bytes to send.",
        "schema": {"type": "string", "examples": ["bytes=0-1023"]},
    },
}

ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    REQUEST_ID: {
        "description": "Names this request; the server's log knows it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    },
    "Location": {
        "description": "The address of what was made.",
        "required": True,
        "schema": {"type": "string"},
    },
    ETAG: {
        "description": "This version of it, for If-Match and If-None-Match.",
        "required": True,
        "schema": {"type": "string", "pattern": patterns.ENTITY_TAG},
    },
    "Idempotent-Replayed": {
        "description": "`true` when this is the answer to an earlier request with the same key.",
        "schema": {"const": "true"},
    },
    "X-Log-Offset": {
        "description": "The next `offset` to ask for.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Log-Complete": {
        "description": "Whether nothing will come any more.",
        "required": True,
        "schema": {"enum": ["true", "false"]},
    },
    "X-Log-Attempt": {
        "description": "Which attempt's log it is.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Content-Disposition": {
        "description": "An attachment, and the name of the file.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which another attempt makes sense.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "That a bearer token is wanted.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
    },
}

ADDRESS: dict[str, dict[str, Any]] = {
    "project_id": {"pattern": patterns.SLUG, "description": "The id of a project."},
    "ingredient_id": {"pattern": patterns.SLUG, "description": "The id of an ingredient."},
    "username": {"pattern": patterns.USERNAME, "description": "Of a user."},
    "name": {"pattern": patterns.SLUG, "description": "Its name, unique in the project."},
    "workflow_id": {"pattern": patterns.ID, "description": "The id of a workflow."},
    "run_id": {"pattern": patterns.ID, "description": "The id of a run."},
    "stage_run_id": {"pattern": patterns.ID, "description": "The id of a stage of the run."},
    "step_run_id": {"pattern": patterns.ID, "description": "The id of a step of the run."},
    "secret": {"description": "The end of the one-time address, as the page of the run has it."},
    "test_id": {"pattern": patterns.ID, "description": "The id of a test of the step."},
    "release_id": {"pattern": patterns.ID, "description": "The id of a release."},
    "token_id": {"pattern": patterns.ID, "description": "The id of a token, not the token itself."},
    "path": {"minLength": 1, "description": "The path of a package in the release."},
    "number": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**31 - 1,
        "description": "The number of a revision.",
    },
}
"""The variables of addresses; an operation may describe its own otherwise."""

FILES: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "array",
            "minItems": 1,
            "description": "One or more files, each with its name.",
            "items": {"type": "string", "format": "binary"},
        }
    },
}
"""The form of an upload."""

FAILURES = {
    400: "The request cannot be read: its JSON, its query or a header.",
    401: "No token, or one that is not valid (any more).",
    403: "The caller may read it, but not do this: see requiredRole and yourRole.",
    404: "It does not exist, or the caller may not know of it.",
    409: "The present state does not allow it: see details.",
    412: "If-Match names another revision than the present one: see currentRevision.",
    413: "The body is too large.",
    415: "The body has the wrong media type.",
    416: "The range asked for does not exist.",
    422: "Well-formed but wrong: details name every fault.",
    429: "Too many attempts from this address.",
    500: "The server cannot give what it should have.",
    503: "The database does not answer; try again.",
    507: "A disk of the server is full; nothing was stored.",
}


# ---- parameters ------------------------------------------------------------------------------


def parameters_of(route: Route) -> list[dict[str, Any]]:
    """What goes into the address, the query and the headers of a call."""
    declared = route.operation
    return [*_of_address(route), *_of_query(declared), *_of_headers(declared)]


def _of_address(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        known = route.operation.address.get(name) or ADDRESS.get(name, {"minLength": 1})
        schema = {"type": "string", **known}
        text = schema.pop("description", None)
        described = {"description": text} if text else {}
        yield {"name": camel(name), "in": "path", "required": True, **described, "schema": schema}


def _of_query(declared: Operation) -> Iterator[dict[str, Any]]:
    if declared.query is None:
        return
    for name, schema in declared.query.model_json_schema()["properties"].items():
        # What is absent is left out of an address; there is no null in one.
        kinds = [kind for kind in schema.pop("anyOf", []) if kind.get("type") != "null"]
        plain = {**(kinds[0] if kinds else {}), **schema}
        if plain.get("default", "") is None:
            del plain["default"]
        parameter = {"name": name, "in": "query", "required": False}
        if text := plain.pop("description", None):
            parameter["description"] = text
        yield {**parameter, "schema": {k: v for k, v in plain.items() if k != "title"}}


def _of_headers(declared: Operation) -> Iterator[dict[str, Any]]:
    for name in declared.headers:
        yield {"name": name, "in": "header", "required": False, **REQUEST_HEADERS[name]}


# ---- answers ---------------------------------------------------------------------------------


def success(status: int, content: Content, route: Route, schemas: Schemas) -> dict[str, Any]:
    """An answer to a call that did what it should."""
    found: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(*_given(status, route)),
    }
    if isinstance(content, str):
        found["content"] = {content: {"schema": {"type": "string"}}}
    elif content is not None:
        found["content"] = {JSON: {"schema": schemas.ref(content, "serialization")}}
    return found


def _given(status: int, route: Route) -> Iterator[str]:
    if status == 201 and route.method == "POST":
        yield "Location"
    if IDEMPOTENCY_KEY in route.operation.headers:
        yield "Idempotent-Replayed"
    # A 304 has no body, so it says nothing of one.
    yield from (ETAG,) if status == 304 else route.operation.gives


def failure_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def failure(status: int) -> dict[str, Any]:
    """The answer to a request that failed, for all calls alike."""
    own = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
    own[507] = ["Retry-After"]
    return {
        "description": FAILURES.get(status, HTTPStatus(status).phrase),
        "headers": _headers(*own.get(status, [])),
        "content": {
            JSON: {"schema": {"$ref": REF.format(model=Failure.__name__)}},
            PROBLEM: {"schema": {"$ref": REF.format(model=Problem.__name__)}},
        },
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, REQUEST_ID)}

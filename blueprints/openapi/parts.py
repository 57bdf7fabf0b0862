"""Parameters and answers in the OpenAPI document."""

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
        "description": "For 24 hours, the same key with the same body gets the first answer again.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[ -~]*$",
            "examples": ["release-2026-01-31"],
        },
    },
    IF_MATCH: {
        "description": "The ETag that you read. If there is a newer version, nothing changes and "
        "the answer is 412. Without this header the newest version changes.",
        "schema": {"type": "string"},
    },
    IF_NONE_MATCH: {
        "description": "The ETag that you read. The answer is 304 if nothing has changed since.",
        "schema": {"type": "string"},
    },
    "Range": {
        "description": "The bytes to send.",
        "schema": {"type": "string", "examples": ["bytes=0-1023"]},
    },
}

ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    REQUEST_ID: {
        "description": "The id of this request in the server's log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    },
    "Location": {
        "description": "The address of the created object.",
        "required": True,
        "schema": {"type": "string"},
    },
    ETAG: {
        "description": "The version of the object, for If-Match and If-None-Match.",
        "required": True,
        "schema": {"type": "string", "pattern": patterns.ENTITY_TAG},
    },
    "Idempotent-Replayed": {
        "description": "`true` if this is the answer to an earlier request with the same key.",
        "schema": {"const": "true"},
    },
    "X-Log-Offset": {
        "description": "The next `offset` to ask for.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Log-Complete": {
        "description": "Whether the log is complete.",
        "required": True,
        "schema": {"enum": ["true", "false"]},
    },
    "X-Log-Attempt": {
        "description": "The attempt that wrote the log.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Content-Disposition": {
        "description": "An attachment, and the name of the file.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next request.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "The scheme: a bearer token.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
    },
}

ADDRESS: dict[str, dict[str, Any]] = {
    "project_id": {"pattern": patterns.SLUG, "description": "The id of a project."},
    "ingredient_id": {"pattern": patterns.SLUG, "description": "The id of an ingredient."},
    "username": {"pattern": patterns.USERNAME, "description": "The name of a user."},
    "name": {"pattern": patterns.SLUG, "description": "A name, unique in the project."},
    "workflow_id": {"pattern": patterns.ID, "description": "The id of a workflow."},
    "run_id": {"pattern": patterns.ID, "description": "The id of a run."},
    "stage_run_id": {"pattern": patterns.ID, "description": "The id of a stage of the run."},
    "step_run_id": {"pattern": patterns.ID, "description": "The id of a step of the run."},
    "secret": {"description": "The last part of the one-time address on the page of the run."},
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
"""The variables of addresses. An operation may describe its own differently."""

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
    400: "The JSON, the query or a header cannot be read.",
    401: "The token is missing, invalid or expired.",
    403: "The caller's role is too low: see requiredRole and yourRole.",
    404: "It does not exist, or the caller may not see it.",
    409: "The current state does not allow it: see details.",
    412: "If-Match does not name the current revision: see currentRevision.",
    413: "The body is too large.",
    415: "The body has the wrong media type.",
    416: "The requested range does not exist.",
    422: "The request has errors: details list each one.",
    429: "Too many attempts from this address.",
    500: "The server failed.",
    503: "The database does not answer. Try again.",
    507: "A disk of the server is full. Nothing was stored.",
}


# ---- parameters ------------------------------------------------------------------------------


def parameters_of(route: Route) -> list[dict[str, Any]]:
    """Return the parameters of a call in its address, query and headers."""
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
        # An address omits what is absent: it has no null.
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
    """Return an answer to a successful call."""
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
    # A 304 has no body to describe.
    yield from (ETAG,) if status == 304 else route.operation.gives


def failure_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def failure(status: int) -> dict[str, Any]:
    """Return the answer to a failed request, which all calls share."""
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

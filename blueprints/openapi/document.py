"""The OpenAPI 3.1 document, built from the routes, operations and schemas that check requests."""

from typing import Any

from flask import Flask

from blueprints.api.operations import MULTIPART, PUBLIC, SIGNED_IN, Operation
from blueprints.api.routes import Route, failures_of, routes_of
from blueprints.openapi.parts import (
    ANSWER_HEADERS,
    FILES,
    JSON,
    failure,
    failure_name,
    parameters_of,
    success,
)
from blueprints.openapi.schemas import Schemas
from blueprints.openapi.tags import NOUNS, noun_of
from blueprints.shared.context import galley_version
from domain.accounts.access import SYSTEM_ADMIN
from domain.error_codes import ERRORS, FIELD_ERRORS, REASONS


def document(app: Flask) -> dict[str, Any]:
    """Return the whole document."""
    routes = list(routes_of(app))
    schemas = Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    failures = sorted({status for route in routes for status in failures_of(route)})
    used = {noun_of(route.path) for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Galley",
            "version": galley_version(),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [
            {"name": noun, "description": text} for noun, (text, _) in NOUNS.items() if noun in used
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": {failure_name(status): failure(status) for status in failures},
            "headers": ANSWER_HEADERS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of Galley."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "galley_session",
                    "description": "For browsers; changes also need the header X-CSRFToken.",
                },
            },
        },
        "x-errors": ERRORS,
        "x-faults": FIELD_ERRORS,
        "x-reasons": REASONS,
    }


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    declared = route.operation
    is_public = declared.needs == PUBLIC
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": declared.summary,
        "description": "\n\n".join(filter(None, (route.description, _who(route)))),
        "tags": [noun_of(route.path)],
        "x-required-role": None if declared.needs in (PUBLIC, SIGNED_IN) else declared.needs,
        "x-required-scope": None if is_public else "write" if route.is_change else "read",
        "parameters": parameters_of(route),
        "responses": {
            **{
                str(status): success(status, content, route, schemas)
                for status, content in declared.answers.items()
            },
            **{
                str(status): {"$ref": f"#/components/responses/{failure_name(status)}"}
                for status in failures_of(route)
            },
        },
    }
    if is_public:
        found["security"] = []
    if declared.body is not None:
        meant = schemas.ref(declared.body, "validation")
        taken = {"anyOf": [meant, {"type": "object"}]} if declared.body_may_be_wrong else meant
        found["requestBody"] = {
            "required": not declared.body_is_optional,
            "content": {JSON: {"schema": taken}},
        }
    if declared.upload:
        found["requestBody"] = {"required": True, "content": {MULTIPART: {"schema": FILES}}}
    return found


def _who(route: Route) -> str:
    return f"For: {who(route.operation)}{'; a token needs the scope write' * route.is_change}."


def who(declared: Operation) -> str:
    """Return in words who may make a call."""
    if declared.who:
        return declared.who
    if declared.needs == PUBLIC:
        return "everyone, without a token"
    if declared.needs == SIGNED_IN:
        return "everyone with a token"
    if declared.needs == SYSTEM_ADMIN:
        return "System_Admins"
    return f"the role {declared.needs} in the project or a higher one"


ABOUT = """\
The API does everything that people do in the browser.

Send a token as `Authorization: Bearer gal_…` (create one on your account page, or with
`galley token create`). Bodies are JSON. Times are RFC 3339 in UTC. Durations end in `Ms`.

Errors have one form, `{"error": {"code", "message", "details"}}`. Clients decide by `code`, and
`details` point at each invalid field. Every answer has an `X-Request-Id` to find it in the
server's log.
"""

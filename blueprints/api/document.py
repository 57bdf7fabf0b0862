"""The OpenAPI 3.1 document, made from what checks the requests: routes, operations, schemas."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from blueprints import release
from blueprints.answers import Failure, Problem
from blueprints.api.operations import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    SIGNED_IN,
    Content,
    Operation,
)
from blueprints.error_codes import ERRORS, FAULTS
from domain.access import SYSTEM_ADMIN
from domain.workflow_schema import OtherStep

REF = "#/components/schemas/{model}"
JSON = "application/json"
PROBLEM = "application/problem+json"
CHANGES = ("POST", "PUT", "DELETE")

ALWAYS = (400, 401, 503)
"""Statuses that any call may answer: a bad query or header, no identity, no database."""

HEADERS = {
    IDEMPOTENCY_KEY: "The same key with the same body gives the first answer again for 24 hours.",
    IF_MATCH: "The ETag that you read: another revision is not overwritten, but answered with 412.",
    IF_NONE_MATCH: "The ETag that you have: 304 when nothing has changed.",
    "Range": "Bytes, such as `bytes=0-1023`.",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "path": {"type": "string", "minLength": 1},
    "number": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
}
"""Parts of addresses that are not plain names."""


class Route(NamedTuple):
    method: str
    path: str
    """As OpenAPI writes it: `/api/projects/{projectId}`."""
    parameters: tuple[str, ...]
    name: str
    tag: str
    description: str
    operation: Operation

    @property
    def is_change(self) -> bool:
        return self.method in CHANGES


def document(app: Flask) -> dict[str, Any]:
    """The whole document."""
    routes = list(routes_of(app))
    schemas = _Schemas(_models(routes))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Galley",
            "version": release(),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": {_failure_name(status): _failure(status) for status in _failures(routes)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of Galley."},
                "session": {"type": "apiKey", "in": "cookie", "name": "galley_session"},
            },
        },
        "x-errors": ERRORS,
        "x-faults": FAULTS,
    }


def routes_of(app: Flask) -> Iterator[Route]:
    """Every call of the API, by noun and address."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        declared: Operation | None = getattr(view, "operation", None)
        if declared is None:
            continue
        parameters = tuple(re.findall(r"<(?:\w+:)?(\w+)>", rule.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(
                method,
                re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"{{{_camel(found[1])}}}", rule.rule),
                parameters,
                _camel(view.__name__),
                rule.endpoint.partition(".")[0].removeprefix("api_"),
                " ".join((view.__doc__ or "").split()),
                declared,
            )


def _operation(route: Route, schemas: "_Schemas") -> dict[str, Any]:
    declared = route.operation
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": declared.summary,
        "description": "\n\n".join(filter(None, (route.description, _who(route)))),
        "tags": [route.tag],
        "x-required-role": None if declared.needs == SIGNED_IN else declared.needs,
        "x-required-scope": "write" if route.is_change else "read",
        "parameters": [*_of_address(route), *_of_query(declared), *_of_headers(declared)],
        "responses": {
            **{
                str(status): _success(status, content, route, schemas)
                for status, content in declared.answers.items()
            },
            **{
                str(status): {"$ref": f"#/components/responses/{_failure_name(status)}"}
                for status in failures_of(route)
            },
        },
    }
    if declared.body is not None:
        found["requestBody"] = {
            "required": not declared.body_is_optional,
            "content": {JSON: {"schema": schemas.ref(declared.body, "validation")}},
        }
    return found


def _who(route: Route) -> str:
    needs = route.operation.needs
    if needs == SIGNED_IN:
        who = "Anybody who is signed in"
    elif needs == SYSTEM_ADMIN:
        who = "System_Admins"
    else:
        who = f"The role {needs} in the project or a higher one"
    return f"For: {who}{'; a token needs the scope write' if route.is_change else ''}."


# ---- parameters ------------------------------------------------------------------------------


def _of_address(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        schema = PARAMETERS.get(name, {"type": "string", "minLength": 1, "maxLength": 100})
        yield {"name": _camel(name), "in": "path", "required": True, "schema": schema}


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
        schema: dict[str, Any] = {"type": "string"}
        if name == IDEMPOTENCY_KEY:
            schema |= {"minLength": 1, "maxLength": 255}
        yield {
            "name": name,
            "in": "header",
            "required": False,
            "description": HEADERS[name],
            "schema": schema,
        }


# ---- answers ---------------------------------------------------------------------------------


def _success(status: int, content: Content, route: Route, schemas: "_Schemas") -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if isinstance(content, str):
        found["content"] = {content: {"schema": {"type": "string"}}}
    elif content is not None:
        found["content"] = {JSON: {"schema": schemas.ref(content, "serialization")}}
    if status == 201:
        found["headers"] = {"Location": {"schema": {"type": "string"}}}
    return found


def failures_of(route: Route) -> list[int]:
    """The statuses of errors that a call may answer."""
    declared = route.operation
    found = {*ALWAYS, *declared.errors}
    if route.parameters or declared.query is not None:
        found.add(404)  # a query may name a project
    if route.is_change or declared.needs == SYSTEM_ADMIN:
        found.add(403)
    if route.is_change:
        found |= {404, 507}
    if declared.body is not None:
        found |= {413, 415, 422}
    if declared.query is not None or declared.headers or route.method == "PUT":
        found.add(422)
    return sorted(found)


def _failures(routes: list[Route]) -> list[int]:
    return sorted({status for route in routes for status in failures_of(route)})


def _failure_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _failure(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {
            JSON: {"schema": {"$ref": REF.format(model=Failure.__name__)}},
            PROBLEM: {"schema": {"$ref": REF.format(model=Problem.__name__)}},
        },
    }
    if status in (429, 503, 507):
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    if status == 401:
        found["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return found


# ---- schemas ---------------------------------------------------------------------------------


class _Schemas:
    """The schemas of bodies and answers, each under one name."""

    def __init__(self, models: list[tuple[type[BaseModel], JsonSchemaMode]]) -> None:
        self._refs, found = models_json_schema(models, ref_template=REF)
        definitions: dict[str, Any] = found["$defs"]
        # pydantic's keys are no names for people: Listed_Run_, Stage-Input, Stage-Output.
        self._names = {
            key: schema["title"] + ("Input" if key.endswith("-Input") else "")
            for key, schema in definitions.items()
        }
        self.definitions = {
            self._names[key]: self._plain(schema)
            for key, schema in sorted(definitions.items())
            if schema["title"] != OtherStep.__name__  # never valid, so never sent
        }

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        return dict(self._plain(self._refs[model, mode]))

    def _plain(self, schema: Any) -> Any:
        """Without the titles that pydantic gives every member: they say what its name says."""
        if isinstance(schema, list):
            return [self._plain(item) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        plain = {
            name: self._plain(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }
        if isinstance(ref := plain.get("$ref"), str):
            key = ref.rpartition("/")[2]
            plain["$ref"] = REF.format(model=self._names.get(key, key))
        return plain


def _models(routes: list[Route]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (Failure, "serialization"): None,
        (Problem, "serialization"): None,
    }
    for route in routes:
        if route.operation.body is not None:
            found[route.operation.body, "validation"] = None
        for content in route.operation.answers.values():
            if isinstance(content, type):
                found[content, "serialization"] = None
    return list(found)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


ABOUT = """\
Everything that people do in the browser, for scripts.

Send a token as `Authorization: Bearer gal_…` (make one on your account page, or with
`galley token create`). Bodies are JSON; times are RFC 3339 in UTC; durations end in `Ms`.

Errors have one form, `{"error": {"code", "message", "details"}}`: clients decide by `code`;
`details` name every fault with a JSON pointer. Every answer has an `X-Request-Id`, which the
server's log knows.
"""

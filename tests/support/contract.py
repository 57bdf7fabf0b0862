"""Holds an answer of the API against the document that describes it."""

import functools
from typing import Any

import jsonschema_rs
from flask import Flask, Request, Response

from app import register_blueprints
from blueprints.api.routes import documented_path
from blueprints.openapi.document import document


def _documented() -> dict[str, Any]:
    """Of an application without settings: the routes are those of every other."""
    app = Flask("galley")
    register_blueprints(app)
    return document(app)


DOCUMENT = _documented()


def breach(request: Request, response: Response) -> str | None:
    """What of the answer is not as documented; None if all is."""
    api = DOCUMENT
    assert request.url_rule is not None
    path = documented_path(request.url_rule.rule)
    method = "get" if request.method == "HEAD" else request.method.lower()
    responses = api["paths"][path][method]["responses"]
    status = str(response.status_code)
    if status not in responses:
        return f"{request.method} {path} answers {status}, which is not documented"
    documented = responses[status]
    if "$ref" in documented:
        documented = api["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    if missing := [name for name in _promised(documented) if name not in response.headers]:
        return f"{method} {path} answers {status} without {', '.join(missing)}"
    content = documented.get("content", {})
    if not content:
        # Of a 304, werkzeug takes the headers of its body away only when it is sent.
        is_empty = response.status_code == 304 or not response.content_length
        return None if is_empty else f"{path} has a body with {status}"
    if response.mimetype not in content:
        return f"{method} {path} answers {response.mimetype}"
    if not response.is_json or request.method == "HEAD":
        return None
    name = content[response.mimetype]["schema"]["$ref"]
    errors = list(_validator(name).iter_errors(response.json))
    return "; ".join(f"{path} {status} {e.instance_path}: {e.message}" for e in errors[:5]) or None


def _promised(documented: dict[str, Any]) -> list[str]:
    """The headers that the answer always has."""
    known = DOCUMENT["components"]["headers"]
    return [name for name in documented["headers"] if known[name].get("required")]


@functools.cache
def _validator(ref: str) -> Any:
    schema = {"$ref": ref, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)

"""Holds an answer of the API against the document that describes it."""

import functools
import re
from typing import Any

import jsonschema_rs
from flask import Flask, Request, Response

from blueprints.api.document import document

_documents: list[dict[str, Any]] = []


def document_of(app: Flask) -> dict[str, Any]:
    if not _documents:
        _documents.append(document(app))
    return _documents[0]


def breach(app: Flask, request: Request, response: Response) -> str | None:
    """What of the answer is not as documented; None if all is."""
    api = document_of(app)
    assert request.url_rule is not None
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: f"{{{_camel(m[1])}}}", request.url_rule.rule)
    method = "get" if request.method == "HEAD" else request.method.lower()
    responses = api["paths"][path][method]["responses"]
    status = str(response.status_code)
    if status not in responses:
        return f"{request.method} {path} answers {status}, which is not documented"
    documented = responses[status]
    if "$ref" in documented:
        documented = api["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    content = documented.get("content", {})
    if not content:
        return None if not response.content_length else f"{path} has a body with {status}"
    if response.mimetype not in content:
        return f"{method} {path} answers {response.mimetype}"
    if not response.is_json or request.method == "HEAD":
        return None
    name = content[response.mimetype]["schema"]["$ref"]
    errors = list(_validator(name).iter_errors(response.json))
    return "; ".join(f"{path} {status} {e.instance_path}: {e.message}" for e in errors[:5]) or None


@functools.cache
def _validator(ref: str) -> Any:
    api = _documents[0]
    schema = {"$ref": ref, "components": api["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)

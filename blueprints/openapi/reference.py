"""The API's document for its page: chapters of calls, each with its parameters and answers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from blueprints.openapi.reference_schemas import Member, Schemas, Variant

JSON = "application/json"
BODIES = {
    "application/octet-stream": "the file itself",
    "application/zip": "a zip file",
    "multipart/form-data": "a form with files",
    "text/html": "a page",
    "text/plain": "text",
}
"""Media types in words."""
WIDTH = 58
"""The maximum of characters in a line of an example."""


@dataclass(frozen=True)
class Content:
    """The content of a body or an answer. kind: words for it, or the name of its schema."""

    kind: str
    text: str = ""
    is_required: bool = True
    members: Sequence[Member] = ()
    variants: Sequence[Variant] = ()


@dataclass(frozen=True)
class Answer:
    status: str
    phrase: str
    headers: tuple[str, ...]
    content: Content | None


@dataclass(frozen=True)
class Call:
    id: str
    method: str
    path: str
    summary: str
    text: tuple[str, ...]
    who: str
    parameters: Mapping[str, list[Member]]
    """Members by their place: path, query, header."""
    body: Content | None
    examples: tuple[str, ...]
    """Lines for a shell."""
    answers: tuple[Answer, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Noun:
    id: str
    name: str
    text: str
    calls: tuple[Call, ...]


def nouns(document: Mapping[str, Any]) -> list[Noun]:
    """Return the chapters in the order of the document."""
    calls: dict[str, list[Call]] = {}
    reader = _Reader(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found = reader.call(method.upper(), path, operation)
            calls.setdefault(operation["tags"][0], []).append(found)
    return [
        Noun(
            re.sub("[^a-z]+", "-", tag["name"].lower()),
            tag["name"],
            tag["description"],
            tuple(calls[tag["name"]]),
        )
        for tag in document["tags"]
    ]


def usual_errors(document: Mapping[str, Any]) -> set[str]:
    """Return the error statuses that all calls with a token share."""
    answers = [
        {status for status in operation["responses"] if status >= "400"}
        for methods in document["paths"].values()
        for operation in methods.values()
        if operation.get("security") != []
    ]
    return set.intersection(*answers)


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._shared = document["components"]["responses"]
        self._schemas = Schemas(document)

    def call(self, method: str, path: str, operation: Mapping[str, Any]) -> Call:
        *text, who = operation["description"].split("\n\n")
        answers, errors = self._answers(operation["responses"])
        return Call(
            id=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            text=tuple(text),
            who=who.removeprefix("For: "),
            parameters=self._parameters(operation["parameters"]),
            body=self._body(operation.get("requestBody")),
            examples=tuple(self._examples(method, path, operation)),
            answers=answers,
            errors=errors,
        )

    def _parameters(self, given: list[Mapping[str, Any]]) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = {}
        for parameter in given:
            schema = {**parameter["schema"], "description": parameter["description"]}
            named = {"properties": {parameter["name"]: schema}}
            found.setdefault(parameter["in"], []).extend(self._schemas.inside(named)[0])
        return found

    def _body(self, body: Mapping[str, Any] | None) -> Content | None:
        return self._content(body["content"], body["required"]) if body else None

    def _content(self, content: Mapping[str, Any], is_required: bool = True) -> Content:
        if JSON not in content:
            return Content(BODIES[next(iter(content))], is_required=is_required)
        schema = content[JSON]["schema"]
        named = next(kind for kind in [schema, *schema.get("anyOf", ())] if "$ref" in kind)
        members, variants = self._schemas.inside(schema)
        text = self._schemas.resolved(named).get("description", "")
        return Content(self._schemas.name(named), text, is_required, members, variants)

    def _answers(self, responses: Mapping[str, Any]) -> tuple[tuple[Answer, ...], tuple[str, ...]]:
        good = tuple(
            Answer(
                status,
                HTTPStatus(int(status)).phrase,
                tuple(name for name in answer["headers"] if name != "X-Request-Id"),
                self._content(answer["content"]) if "content" in answer else None,
            )
            for status, answer in responses.items()
            if status < "400"
        )
        return good, tuple(status for status in responses if status >= "400")

    # ---- examples ----------------------------------------------------------------------------

    def _examples(self, method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {})
        head = _head(method, path, operation)
        if JSON in content:
            for example in self._schemas.examples(content[JSON]["schema"]):
                yield " \\\n  ".join([*head, *_json_body(example)])
        elif content:
            yield " \\\n  ".join([*head, "-F file=@report.log"])
        else:
            yield " \\\n  ".join(head)


def _head(method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    verb = "" if method == "GET" else f"-X {method} "
    lines = [f'curl {verb}"$GALLEY_URL{path.replace("{", "$").replace("}", "")}"']
    if operation.get("security") != []:
        lines.append('-H "Authorization: Bearer $GALLEY_TOKEN"')
    if any(_is_file(answer) for answer in operation["responses"].values()):
        lines.append("-OJ")
    return lines


def _is_file(answer: Mapping[str, Any]) -> bool:
    return not {"application/octet-stream", "application/zip"}.isdisjoint(answer.get("content", ()))


def _json_body(example: Any) -> list[str]:
    text = _pretty(example, 2).replace("'", "'\\''")
    return ['-H "Content-Type: application/json"', f"-d '{text}'"]


def _pretty(value: Any, indent: int) -> str:
    """Return JSON with short values on one line; only the whole is always broken."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent + len(line) <= WIDTH and indent > 2):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {_pretty(v, indent + 2)}" for k, v in value.items()]
        first, last = "{}"
    else:
        parts = [_pretty(item, indent + 2) for item in value]
        first, last = "[]"
    return f"{first}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{last}"

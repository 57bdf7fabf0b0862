"""The API's document is valid, complete, and of one mind with the routes."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from blueprints.api.operations import PUBLIC, SIGNED_IN
from domain.accounts.access import SYSTEM_ADMIN
from tests.blueprints.api.test_documented_examples import documented_path
from tests.blueprints.api.test_roles import TABLE, Route, routes_of
from tests.support.contract import DOCUMENT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CALLS = {
    (method.upper(), path): call
    for path, calls in DOCUMENT["paths"].items()
    for method, call in calls.items()
}
IN_TABLE = {(r.method, documented_path(r.rule)): r for r in TABLE if r.rule.startswith("/api/")}


def objects_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from objects_in(item)


def test_it_is_valid_openapi():
    from schemathesis.specs.openapi.definitions import OPENAPI_31  # takes a while

    validator = jsonschema_rs.Draft202012Validator(OPENAPI_31)
    assert [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_each_of_its_schemas_is_valid_json_schema(name):
    schema = DOCUMENT["components"]["schemas"][name]
    jsonschema_rs.meta.validate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    )


def test_whatever_it_refers_to_is_there():
    missing = []
    for part in objects_in(DOCUMENT):
        refs = [part.get("$ref"), *part.get("discriminator", {}).get("mapping", {}).values()]
        for ref in filter(None, refs):
            found: Any = DOCUMENT
            for step in ref.removeprefix("#/").split("/"):
                found = found.get(step, {})
            missing += [] if found else [ref]
    assert missing == []


def test_whatever_it_describes_is_used():
    used = {part["$ref"].rpartition("/")[2] for part in objects_in(DOCUMENT) if "$ref" in part}
    assert set(DOCUMENT["components"]["schemas"]) - used == set()


def test_each_call_has_a_name_of_its_own():
    names = [call["operationId"] for call in CALLS.values()]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_the_variables_of_an_address_are_its_parameters(call):
    declared = [p["name"] for p in CALLS[call]["parameters"] if p["in"] == "path"]
    assert declared == re.findall("{(.*?)}", call[1])


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_parameter_and_every_answer_is_described(call):
    described = [*CALLS[call]["parameters"], *answers_of(CALLS[call])]
    assert [part for part in described if not part.get("description")] == []


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_answer_has_the_id_of_the_request(call):
    answers = answers_of(CALLS[call])
    assert all("X-Request-Id" in answer["headers"] for answer in answers)


def answers_of(call: dict[str, Any]) -> list[dict[str, Any]]:
    shared = DOCUMENT["components"]["responses"]
    return [
        shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for answer in call["responses"].values()
    ]


def test_every_call_is_described_and_nothing_else(app: Flask):
    routes = [(method, documented_path(rule)) for method, rule in routes_of(app)]
    assert sorted(CALLS) == sorted(call for call in routes if call[1].startswith("/api/"))


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_it_names_the_role_that_a_call_really_needs(call):
    route = IN_TABLE[call]
    nobody = route.needs in (PUBLIC, SIGNED_IN)
    assert CALLS[call]["x-required-role"] == (None if nobody else route.needs)
    assert CALLS[call]["x-required-scope"] == scope_of(route)
    assert (CALLS[call].get("security") == []) == (route.needs == PUBLIC)
    if route.needs == SYSTEM_ADMIN:
        assert "System_Admins" in CALLS[call]["description"]


def scope_of(route: Route) -> str | None:
    if route.needs == PUBLIC:
        return None
    return "write" if route.is_change else "read"

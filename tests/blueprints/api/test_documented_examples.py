"""The examples of the API's document do what they say, sent as they are."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from domain.models import Environment, Ingredient, Project, Release, StepRun, StepSpec, TestSuite
from tests.blueprints.api.test_roles import TABLE, Route, url_of
from tests.support.contract import DOCUMENT
from tests.support.people import People
from tests.support.world import World

JSON = "application/json"


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and schema of each JSON body."""
    for path, calls in DOCUMENT["paths"].items():
        for method, call in calls.items():
            content = call.get("requestBody", {}).get("content", {})
            if JSON in content:
                yield method.upper(), path, content[JSON]["schema"]


def examples_of(schema: dict[str, Any]) -> list[Any]:
    """Those of the body, wherever it is described."""
    if "$ref" in schema:
        return examples_of(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    here = schema.get("examples", [])
    return here or [found for kind in schema.get("anyOf", []) for found in examples_of(kind)]


EXAMPLES = [
    pytest.param(method, path, example, id=f"{method} {path} {number}")
    for method, path, schema in bodies()
    for number, example in enumerate(examples_of(schema), 1)
]


def made_elsewhere(step_run_id: str) -> None:
    """A release of what the step builds, with the id that the example names."""
    ingredient = StepSpec.get_by_id(step_run_id).spec["ingredientId"]
    release_id = "0197c2f04a8e3d51b6a7c9e2"
    Release.create(id=release_id, ingredient=ingredient, version="1.4.0", created_by="test")


def answered(step_run_id: str) -> None:
    """Nothing of the run is unknown any more."""
    StepRun.update(outside_effect="did_not").where(StepRun.id == step_run_id).execute()


PREPARATIONS = {
    "/api/workflowruns/{runId}/steps/{stepRunId}/complete": made_elsewhere,
    "/api/completions/{secret}": made_elsewhere,
    "/api/workflowruns/{runId}/rerun": answered,
}
"""What an example needs beside what its address names."""


@pytest.fixture
def project(app: Flask) -> Project:
    """The one of the examples, with what they name."""
    shop = Project.create(id="webshop", name="Web shop", created_by="test")
    Ingredient.create(id="shop", project=shop, name="The shop", created_by="test")
    TestSuite.create(project=shop, name="unit", script="true", updated_by="test")
    Environment.create(
        project=shop,
        name="staging",
        driver="script",
        settings={"script": "true"},
        updated_by="test",
    )
    return shop


def test_every_body_has_an_example():
    assert [path for _, path, schema in bodies() if not examples_of(schema)] == []


@pytest.mark.parametrize(("method", "path", "example"), EXAMPLES)
def test_an_example_fits_its_own_schema(method: str, path: str, example: Any):
    content = DOCUMENT["paths"][path][method.lower()]["requestBody"]["content"]
    schema = {**content[JSON]["schema"], "components": DOCUMENT["components"]}
    assert list(jsonschema_rs.Draft202012Validator(schema).iter_errors(example)) == []


@pytest.mark.parametrize(("method", "path", "example"), EXAMPLES)
def test_an_example_is_answered_as_it_is_documented(
    method: str,
    path: str,
    example: Any,
    app: Flask,
    people: People,
    project: Project,
):
    route = route_of(method, path)
    world = World(app, project)
    values = route.arrange(world, people.sysadmin)
    values.pop("json", None)
    if prepare := PREPARATIONS.get(path):
        prepare(values.get("step_run_id") or values["secret"].partition(".")[0])
    with app.test_request_context():
        address = url_of(app.url_map, route, values)
    answer = app.test_client().open(
        address, method=method, json=example, headers=people.sysadmin.headers()
    )
    documented = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in {status for status in documented if status < "300"}, (
        answer.text
    )
    told = answer.json or {}
    assert not told.get("warnings"), "something that the example names is not there"


def route_of(method: str, path: str) -> Route:
    """The line of the table of roles: it knows how to make what the address names."""
    (found,) = [r for r in TABLE if (r.method, documented_path(r.rule)) == (method, path)]
    return found


def documented_path(rule: str) -> str:
    """`/api/projects/<project_id>` as the document writes it."""
    parts = [part.strip("<>").rpartition(":")[2].split("_") for part in rule.split("/")]
    camel = ["".join([first, *map(str.capitalize, rest)]) for first, *rest in parts]
    pairs = zip(rule.split("/"), camel, strict=True)
    return "/".join(f"{{{name}}}" if part.startswith("<") else part for part, name in pairs)

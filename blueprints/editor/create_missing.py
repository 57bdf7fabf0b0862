"""What a step names and the project lacks, made from within the editor: with the least it needs.

The schemas, the use cases and the role are those of the project's settings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request

from blueprints.projects.environments import NamedEnvironment
from blueprints.projects.settings import refuse_taken
from blueprints.projects.test_suites import NamedTestSuite
from blueprints.requests.base import check
from blueprints.requests.projects import NewIngredient
from blueprints.shared.guards import current_actor
from domain.editor import operations
from domain.models import Environment, Ingredient, Project, TestSuite
from domain.projects import environments, test_suites
from domain.releases import ingredients

PREFIX = "new."
"""Fields of the form that make it begin so."""


@dataclass(frozen=True)
class Kind:
    """How one kind of thing is made."""

    noun: str
    member: str
    """Of the configuration: what names it."""
    at: str
    """Where faults of that name point."""
    settings: str
    """The page with all fields, among the project's settings."""
    fields: Sequence[str]
    """What is asked for, besides the name."""
    is_there: Callable[[Project, str], bool]
    make: Callable[[Project, str, Mapping[str, str]], None]

    @property
    def pointers(self) -> list[str]:
        """Where faults of the fields point."""
        return ["/" + name.replace(".", "/") for name in self.fields]


@dataclass(frozen=True)
class Lack:
    """What an open step names and the project lacks."""

    kind: Kind
    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    """What was typed to make it."""
    errors: Sequence[Mapping[str, Any]] = ()


def typed(kind: str) -> dict[str, str]:
    """What was typed to make what a step of this type names. kind: such as Build."""
    fields = KINDS[kind].fields if kind in KINDS else ()
    names = (PREFIX + name for name in fields)
    return {
        name.removeprefix(PREFIX): request.form[name].replace("\r\n", "\n")
        for name in names
        if name in request.form
    }


def lack_of(project: Project, draft: operations.Draft, step: Mapping[str, Any]) -> Lack | None:
    """None if what the step names is there, or it names nothing."""
    kind = KINDS.get(step.get("type", ""))
    name = str(step["configuration"].get(kind.member) or "").strip() if kind else ""
    if kind is None or not name or kind.is_there(project, name):
        return None
    return Lack(kind, name, draft.get(operations.MAKING, {}).get(step["id"], {}))


def make(project: Project, lack: Lack) -> None:
    """Make it. Raises Invalid and Conflict with what is wrong. The caller has checked the role."""
    lack.kind.make(project, lack.name, lack.values)


# ---- the three kinds -------------------------------------------------------------------------


def _ingredient(project: Project, name: str, typed: Mapping[str, str]) -> None:
    given = {"id": name, "projectId": project.id, "name": typed.get("name") or name}
    body = check(NewIngredient, given, strict=False)
    ingredients.create_ingredient(current_actor(), project, body.id, body.name)


def _suite(project: Project, name: str, typed: Mapping[str, str]) -> None:
    body = check(NamedTestSuite, _given(name, script=typed.get("script")), strict=False)
    refuse_taken("test suite", body.name, test_suites.get_test_suite, project)
    values = body.model_dump(exclude={"name"})
    test_suites.put_test_suite(current_actor(), project, body.name, values)


def _environment(project: Project, name: str, typed: Mapping[str, str]) -> None:
    settings = {"path": path} if (path := typed.get("settings.path")) else {}
    given = _given(name, driver="directory", settings=settings)
    body = check(NamedEnvironment, given, strict=False)
    refuse_taken("environment", body.name, environments.get_environment, project)
    values = body.model_dump(exclude={"name"})
    environments.put_environment(current_actor(), project, body.name, values)


def _given(name: str, **members: Any) -> dict[str, Any]:
    return {"name": name, **{key: value for key, value in members.items() if value is not None}}


def _has(model: Any, column: Any) -> Callable[[Project, str], bool]:
    return lambda project, name: (
        model.select().where(model.project == project.id, column == name).exists()
    )


KINDS: Mapping[str, Kind] = {
    "Build": Kind(
        "ingredient",
        "ingredientId",
        "/id",
        "new-ingredient",
        ("name",),
        _has(Ingredient, Ingredient.id),
        _ingredient,
    ),
    "Test": Kind(
        "test suite",
        "testSuite",
        "/name",
        "new-testsuite",
        ("script",),
        _has(TestSuite, TestSuite.name),
        _suite,
    ),
    "Deploy": Kind(
        "environment",
        "target",
        "/name",
        "new-environment",
        ("settings.path",),
        _has(Environment, Environment.name),
        _environment,
    ),
}
"""By the type of the step that names it."""

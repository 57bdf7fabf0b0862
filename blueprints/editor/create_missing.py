"""Creation of a missing thing that a step names, with the required settings only.

The schemas, the use cases and the required role are those of the project's settings pages.
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
from domain.errors import FieldError
from domain.models import Environment, Ingredient, Project, TestSuite
from domain.projects import environments, test_suites
from domain.releases import ingredients

PREFIX = "new."
"""The prefix of the form fields."""
MAX_NAMES = 200
"""Names that a field offers."""


@dataclass(frozen=True)
class Kind:
    """A kind of thing that steps name."""

    noun: str
    member: str
    """The member of the configuration that names it."""
    column: Any
    """The column of its name."""
    at: str
    """The pointer of errors in the name."""
    settings: str
    """The page with all fields, among the project's settings."""
    fields: Sequence[str]
    """The fields to fill in, besides the name."""
    create: Callable[[Project, str, Mapping[str, str]], None]

    @property
    def pointers(self) -> list[str]:
        """The pointers of errors in the fields."""
        return ["/" + name.replace(".", "/") for name in self.fields]

    def names(self, project: Project) -> list[str]:
        """Return the names in the project, for a field to offer."""
        rows = self._rows(project).order_by(self.column).limit(MAX_NAMES)
        return [name for (name,) in rows.tuples()]

    def exists(self, project: Project, name: str) -> bool:
        """Return whether the project has one of that name."""
        return bool(self._rows(project).where(self.column == name).exists())

    def _rows(self, project: Project) -> Any:
        model = self.column.model
        return model.select(self.column).where(model.project == project.id)


@dataclass(frozen=True)
class Missing:
    """A thing that the open step names and the project lacks."""

    kind: Kind
    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    """The input for creating it."""
    errors: Sequence[FieldError] = ()


def typed(kind: str) -> dict[str, str]:
    """Return the input for creating what a step of this type names. kind: such as Build."""
    fields = KINDS[kind].fields if kind in KINDS else ()
    return {
        name: request.form[PREFIX + name].replace("\r\n", "\n")
        for name in fields
        if PREFIX + name in request.form
    }


def missing_of(
    project: Project, draft: operations.Draft, part: Mapping[str, Any]
) -> Missing | None:
    """Return what a step names and the project lacks; None if there is nothing."""
    kind = KINDS.get(part.get("type", ""))
    name = str(part["configuration"].get(kind.member) or "").strip() if kind else ""
    if kind is None or not name or kind.exists(project, name):
        return None
    return Missing(kind, name, draft.get(operations.CREATING, {}).get(part["id"], {}))


# ---- the three kinds -------------------------------------------------------------------------


def _create_ingredient(project: Project, name: str, typed: Mapping[str, str]) -> None:
    given = {"id": name, "projectId": project.id, "name": typed.get("name") or name}
    body = check(NewIngredient, given, strict=False)
    ingredients.create_ingredient(current_actor(), project, body.id, body.name)


def _create_test_suite(project: Project, name: str, typed: Mapping[str, str]) -> None:
    given = {"name": name, "script": typed.get("script", "")}
    body = check(NamedTestSuite, given, strict=False)
    refuse_taken("test suite", body.name, test_suites.get_test_suite, project)
    values = body.model_dump(exclude={"name"})
    test_suites.put_test_suite(current_actor(), project, body.name, values)


def _create_environment(project: Project, name: str, typed: Mapping[str, str]) -> None:
    settings = {"path": path} if (path := typed.get("settings.path")) else {}
    given = {"name": name, "driver": "directory", "settings": settings}
    body = check(NamedEnvironment, given, strict=False)
    refuse_taken("environment", body.name, environments.get_environment, project)
    values = body.model_dump(exclude={"name"})
    environments.put_environment(current_actor(), project, body.name, values)


KINDS: Mapping[str, Kind] = {
    "Build": Kind(
        "ingredient",
        "ingredientId",
        Ingredient.id,
        "/id",
        "new-ingredient",
        ("name",),
        _create_ingredient,
    ),
    "Test": Kind(
        "test suite",
        "testSuite",
        TestSuite.name,
        "/name",
        "new-testsuite",
        ("script",),
        _create_test_suite,
    ),
    "Deploy": Kind(
        "environment",
        "target",
        Environment.name,
        "/name",
        "new-environment",
        ("settings.path",),
        _create_environment,
    ),
}
"""Type of a step → the kind that it names."""

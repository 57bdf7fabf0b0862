"""Creation of a missing thing that a step names, with the required settings only.

The schemas, the use cases and the required role are those of the project's settings pages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    """A kind of thing that steps name; one field besides the name is enough to create it."""

    noun: str
    member: str
    """The member of the configuration that names it."""
    column: Any
    """The column of its name."""
    field: str
    create: Callable[[Project, str, str], None]
    """Create it with a name and the value of the field. Raises Invalid, Conflict."""

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
    value: str
    """The input for its field."""
    errors: Sequence[FieldError] = ()


def typed(kind: str) -> dict[str, str]:
    """Return the input for creating what a step of this type names. kind: such as Build."""
    field = KINDS[kind].field if kind in KINDS else ""
    text = request.form.get(PREFIX + field)
    return {} if text is None else {field: text.replace("\r\n", "\n")}


def missing_of(
    project: Project, draft: operations.Draft, part: Mapping[str, Any]
) -> Missing | None:
    """Return what a step names and the project lacks; None if there is nothing."""
    kind = KINDS.get(part.get("type", ""))
    name = str(part["configuration"].get(kind.member) or "").strip() if kind else ""
    if kind is None or not name or kind.exists(project, name):
        return None
    inputs = draft.get(operations.CREATING, {}).get(part["id"], {})
    return Missing(kind, name, inputs.get(kind.field, ""))


def _create_ingredient(project: Project, name: str, label: str) -> None:
    given = {"id": name, "projectId": project.id, "name": label or name}
    body = check(NewIngredient, given, strict=False)
    ingredients.create_ingredient(current_actor(), project, body.id, body.name)


def _create_test_suite(project: Project, name: str, script: str) -> None:
    body = check(NamedTestSuite, {"name": name, "script": script}, strict=False)
    refuse_taken("test suite", body.name, test_suites.get_test_suite, project)
    values = body.model_dump(exclude={"name"})
    test_suites.put_test_suite(current_actor(), project, body.name, values)


def _create_environment(project: Project, name: str, path: str) -> None:
    given = {"name": name, "driver": "directory", "settings": {"path": path} if path else {}}
    body = check(NamedEnvironment, given, strict=False)
    refuse_taken("environment", body.name, environments.get_environment, project)
    values = body.model_dump(exclude={"name"})
    environments.put_environment(current_actor(), project, body.name, values)


KINDS: Mapping[str, Kind] = {
    "Build": Kind("ingredient", "ingredientId", Ingredient.id, "name", _create_ingredient),
    "Test": Kind("test suite", "testSuite", TestSuite.name, "script", _create_test_suite),
    "Deploy": Kind("environment", "target", Environment.name, "settings.path", _create_environment),
}
"""Type of a step → the kind that it names."""

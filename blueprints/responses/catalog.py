"""Ingredients, releases, packages."""

from pydantic import Field

from blueprints.responses.base import Answer, Count, Id, Sha256, Slug, Time
from domain import models
from domain.releases.ingredients import latest_releases


class LatestRelease(Answer):
    """The newest release of an ingredient."""

    id: Id
    version: str
    created_at: Time


class Ingredient(Answer):
    """A versioned component."""

    id: Slug
    project_id: Slug
    name: str
    description: str
    created_at: Time
    created_by: str
    latest_release: LatestRelease | None = Field(description="Null: it was never built.")


def ingredients(rows: list[models.Ingredient]) -> list[Ingredient]:
    """Return the ingredients, each with its newest release."""
    latest = latest_releases(rows)
    return [Ingredient.of(row, latest_release=latest.get(row.id)) for row in rows]


class Package(Answer):
    """A file of a release."""

    path: str
    size: Count = Field(description="Bytes.")
    sha256: Sha256


class Release(Answer):
    """One immutable version of an ingredient."""

    id: Id
    ingredient_id: Slug
    version: str
    created_at: Time
    created_by: str
    run_id: Id | None = Field(description="The run that created it.")
    step_run_id: Id | None = Field(description="The step that created it.")
    packages: list[Package]

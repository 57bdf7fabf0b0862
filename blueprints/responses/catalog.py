"""Ingredients, releases, packages."""

from pydantic import Field

from blueprints.responses.base import Answer, Count, Id, Sha256, Slug, Time


class LatestRelease(Answer):
    """The release of an ingredient that was made last."""

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
    run_id: Id | None = Field(description="The run that made it.")
    step_run_id: Id | None = Field(description="The step that made it.")
    packages: list[Package]

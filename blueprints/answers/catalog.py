"""Ingredients, releases, packages."""

from pydantic import Field

from blueprints.answers import Answer, Count, Id, Slug, Time


class LatestRelease(Answer):
    id: Id
    version: str
    created_at: Time


class Ingredient(Answer):
    id: Slug
    project_id: Slug
    name: str
    description: str
    created_at: Time
    created_by: str
    latest_release: LatestRelease | None


class Package(Answer):
    path: str
    size: Count = Field(description="Bytes.")
    sha256: str = Field(json_schema_extra={"pattern": "^[0-9a-f]{64}$"})


class Release(Answer):
    """One immutable version of an ingredient."""

    id: Id
    ingredient_id: Slug
    version: str
    created_at: Time
    created_by: str
    run_id: Id | None
    step_run_id: Id | None
    packages: list[Package]

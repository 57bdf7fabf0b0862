"""Projects, members, test suites, environments, deployments, secrets."""

from typing import Any, Literal

from pydantic import Field

from blueprints.answers import Answer, Fault, Id, Slug, Time

Role = Literal["User", "SuperUser", "Admin"]


class Project(Answer):
    id: Slug
    name: str
    description: str
    created_at: Time
    created_by: str
    your_role: Role | Literal["System_Admin"]


class Member(Answer):
    username: Slug
    display_name: str
    role: Role


class TestSuite(Answer):
    __test__ = False  # a schema, not a test class

    name: Slug
    project_id: Slug
    script: str
    timeout_seconds: int | None
    description: str
    updated_at: Time
    updated_by: str


class Deployment(Answer):
    id: Id
    status: Literal["Running", "Succeeded", "Failed", "Cancelled", "Unknown"]
    release_id: Id | None
    artifact: str
    sha256: str | None
    run_id: Id
    step_run_id: Id
    attempt: int = Field(ge=1)
    started_at: Time
    completed_at: Time | None
    deployed_by: str
    message: str


class Environment(Answer):
    name: Slug
    project_id: Slug
    driver: Literal["directory", "script", "storage"]
    settings: dict[str, Any]
    requires_approval: bool
    description: str
    updated_at: Time
    updated_by: str
    deployed: Deployment | None = Field(description="What is in it now.")
    outcome_unknown: Deployment | None = Field(
        description="A deployment whose worker was lost and of which nobody said what became of it."
    )


class Secret(Answer):
    """All that anybody gets to know of a secret."""

    name: str
    project_id: Slug
    updated_at: Time
    updated_by: str


class StoredSecret(Secret):
    warnings: list[Fault]

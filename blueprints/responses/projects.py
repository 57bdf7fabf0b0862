"""Projects, members, test suites, environments, deployments, secrets."""

from typing import Literal

from pydantic import Field

from blueprints.requests.projects import DirectorySettings, ScriptSettings, StorageSettings
from blueprints.responses.base import Answer, Fault, Id, Sha256, Slug, Time

Role = Literal["User", "SuperUser", "Admin"]


class Project(Answer):
    """What owns workflows, ingredients, test suites, environments and members."""

    id: Slug
    name: str
    description: str
    created_at: Time
    created_by: str
    your_role: Role | Literal["System_Admin"] = Field(description="The caller's.")


class Member(Answer):
    """A user with a role in a project."""

    username: Slug
    display_name: str
    role: Role


class TestSuite(Answer):
    """A script that Test steps run."""

    __test__ = False  # a schema, not a test class

    name: Slug
    project_id: Slug
    script: str
    timeout_seconds: int | None = Field(description="Null: that of the step.")
    description: str
    updated_at: Time
    updated_by: str


class Deployment(Answer):
    """An artifact that was put into an environment."""

    id: Id
    status: Literal["Running", "Succeeded", "Failed", "Cancelled", "Unknown"] = Field(
        description="Unknown: its worker was lost, and nobody has said what became of it."
    )
    release_id: Id | None = Field(description="Null: the release was deleted.")
    artifact: str = Field(description="The path of the package.")
    sha256: Sha256 | None = Field(description="Of the package.")
    run_id: Id
    step_run_id: Id
    attempt: int = Field(ge=1)
    started_at: Time
    completed_at: Time | None
    deployed_by: str = Field(description="Who started the run.")
    message: str = Field(description="Why it failed; else empty.")


class Environment(Answer):
    """Where Deploy steps deploy to."""

    name: Slug
    project_id: Slug
    driver: Literal["directory", "script", "storage"]
    settings: DirectorySettings | ScriptSettings | StorageSettings = Field(
        description="By the driver."
    )
    requires_approval: bool = Field(
        description="Whether every stage that deploys to it waits for a person first."
    )
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
    warnings: list[Fault] = Field(description="That the value is easily guessed.")

"""Projects, members, test suites, environments, deployments, secrets."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.requests.projects import DirectorySettings, ScriptSettings, StorageSettings
from blueprints.responses.base import (
    Answer,
    Driver,
    EmptyAsNull,
    Fault,
    Id,
    Role,
    Sha256,
    Slug,
    Stored,
    Time,
)
from domain import models
from domain.accounts.access import Actor
from domain.releases import deployments


class Project(Answer):
    """The owner of workflows, ingredients, test suites, environments and secrets."""

    id: Slug
    name: str
    description: str
    created_at: Time
    created_by: str
    your_role: Role | Literal["System_Admin"] = Field(description="The caller's role.")


def project(row: models.Project, actor: Actor) -> Project:
    """Return a project as the actor sees it."""
    return Project.of(row, your_role=actor.role_in(row.id))


class Member(Answer):
    """A user with a role in a project."""

    username: Slug
    display_name: str
    role: Role


def member(row: models.Member) -> Member:
    """Return the answer about a member."""
    return Member.of(row.user, role=row.role)


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
        description="Unknown: its worker was lost, and its outcome is not recorded yet."
    )
    release_id: Id | None = Field(description="Null: the release was deleted.")
    artifact: str = Field(description="The path of the package.")
    sha256: Annotated[Sha256 | None, EmptyAsNull] = Field(description="Of the package.")
    run_id: Id
    step_run_id: Id
    attempt: int = Field(ge=1)
    started_at: Time
    completed_at: Time | None
    deployed_by: str = Field(description="The user who started the run.")
    message: str = Field(description="Why it failed; else empty.")


class Environment(Answer):
    """The target of Deploy steps."""

    name: Slug
    project_id: Slug
    driver: Driver
    settings: Stored[DirectorySettings | ScriptSettings | StorageSettings] = Field(
        description="They depend on the driver."
    )
    requires_approval: bool = Field(
        description="Whether every stage that deploys to it waits for an approval first."
    )
    description: str
    updated_at: Time
    updated_by: str
    deployed: Deployment | None = Field(description="The deployment that is in it now.")
    outcome_unknown: Deployment | None = Field(
        description="A deployment whose worker was lost, and whose outcome is not recorded yet."
    )


def environments(rows: list[models.Environment]) -> list[Environment]:
    """Return the environments, each with its deployments."""
    deployed, lost = deployments.deployed_now(rows), deployments.lost_in(rows)
    return [
        Environment.of(row, deployed=deployed.get(row.id), outcome_unknown=lost.get(row.id))
        for row in rows
    ]


class Secret(Answer):
    """A secret without its value, which is never shown."""

    name: str
    project_id: Slug
    updated_at: Time
    updated_by: str


class StoredSecret(Secret):
    """A secret that was stored just now."""

    warnings: list[Fault] = Field(description="Reasons why the value is easy to guess.")

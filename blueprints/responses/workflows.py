"""Workflows, their revisions and statistics."""

from typing import Annotated

from pydantic import Field

from blueprints.responses.base import (
    Answer,
    Count,
    Driver,
    Fault,
    Id,
    Milliseconds,
    Slug,
    StepType,
    Stored,
    Time,
)
from blueprints.responses.runs import RunStatus
from domain.definitions.schema import Definition, Parameter, Stage
from domain.errors import MAX_DETAILS
from domain.workflows import preview, queries

Rate = Annotated[float | None, Field(ge=0, le=1)]
"""From 0 to 1; null if there is nothing to count."""


class LastRun(Answer):
    """The newest run of a workflow."""

    id: Id
    number: int
    status: RunStatus
    completed_at: Time | None


class WorkflowItem(Answer):
    """A workflow in a list."""

    id: Id
    name: str
    project_id: Slug
    is_enabled: bool
    stage_count: Count
    description: str
    revision: int = Field(ge=1)
    updated_at: Time
    last_run: LastRun | None = Field(description="The newest run.")


class Workflow(Answer):
    """A workflow with its current definition. A PUT takes the same members back."""

    id: Id
    name: str
    project_id: Slug
    description: str
    is_enabled: bool
    revision: int = Field(ge=1, description="Rises with every save.")
    created_at: Time
    created_by: str
    updated_at: Time
    updated_by: str
    parameters: Stored[list[Parameter] | None] = Field(
        description="The parameters that a run takes; null: any texts, numbers and booleans."
    )
    concurrency: int | None = Field(
        description="The maximum number of its runs in progress; null: any number."
    )
    stages: Stored[list[Stage]] = Field(description="In the order of execution.")
    warnings: list[Fault] = Field(description="Errors that would prevent a run now.")


def workflow(detail: queries.Detail) -> Workflow:
    """Return a workflow with its current definition."""
    return Workflow.of(
        detail.workflow,
        parameters=detail.definition["parameters"],
        concurrency=detail.definition["concurrency"],
        stages=detail.definition["stages"],
        warnings=detail.warnings,
    )


class PlannedStep(Answer):
    """A step and what it would use. Members that do not apply to its type are null or empty."""

    stage: str
    name: str
    type: StepType
    ingredient_id: str | None = Field(description="The ingredient that a Build would release.")
    test_suite: str | None
    releases: list[str] = Field(
        description="References of the releases whose files a Test or Deploy would use; "
        "`ingredient@run` is a release that the same run builds earlier."
    )
    target: str | None = Field(description="The environment of a Deploy.")
    driver: Driver | None = Field(
        description="Of the target; null also if the environment does not exist yet."
    )
    artifact_path: str | None
    duration_ms: Milliseconds | None = Field(
        description="Its median duration in the last runs; null if it never ran."
    )


class Validation(Answer):
    """The result of checking a workflow: its errors, and the steps that its runs would have."""

    valid: bool = Field(description="Whether it could be saved.")
    errors: list[Fault] = Field(description="Errors that would prevent saving.")
    warnings: list[Fault] = Field(description="Errors that would prevent a run now.")
    plan: list[PlannedStep] = Field(
        description="Its steps in the order of execution; empty if errors hide them."
    )


def validation(found: preview.Examined) -> Validation:
    """Return what a check of a definition has found."""
    return Validation(
        valid=not found.errors,
        errors=[Fault.of(error) for error in found.errors[:MAX_DETAILS]],
        warnings=[Fault.of(warning) for warning in found.warnings],
        plan=[PlannedStep.of(step) for step in found.steps],
    )


class RevisionItem(Answer):
    """A saved state of a workflow."""

    revision: int = Field(ge=1)
    created_at: Time
    created_by: str
    comment: str = Field(description="The reason that the author gave, or empty.")


class Revision(RevisionItem):
    """A saved state of a workflow with its definition."""

    definition: Stored[Definition] = Field(description="Send it in a PUT to restore it.")


class BriefRun(Answer):
    """A run in a few members."""

    id: Id
    number: int
    status: RunStatus
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


class RunCounts(Answer):
    """The number of runs in each status."""

    total: Count
    pending: Count = Field(alias="Pending")
    running: Count = Field(alias="Running")
    succeeded: Count = Field(alias="Succeeded")
    failed: Count = Field(alias="Failed")
    cancelled: Count = Field(alias="Cancelled")


class StepCounts(Answer):
    """The number of steps of each type."""

    build: Count = Field(alias="Build")
    test: Count = Field(alias="Test")
    deploy: Count = Field(alias="Deploy")


class Spread(Answer):
    """The distribution of durations."""

    min: Milliseconds | None
    median: Milliseconds | None
    p90: Milliseconds | None
    p95: Milliseconds | None
    max: Milliseconds | None
    mean: Milliseconds | None


class QueueTimes(Answer):
    """The times that runs have waited."""

    median: Milliseconds | None
    p95: Milliseconds | None


class StepStatistics(Answer):
    """Statistics of a step."""

    stage: str
    name: str
    type: StepType
    runs: Count
    failure_rate: Rate = Field(description="From 0 to 1; null if it never ended.")
    duration_ms: Milliseconds | None = Field(description="The median.")


class Metadata(Answer):
    """Statistics of a workflow. Rates leave out cancelled runs."""

    workflow_id: Id
    name: str
    project_id: Slug
    revision: int
    is_enabled: bool
    created_at: Time
    created_by: str
    updated_at: Time
    updated_by: str
    stage_count: Count
    step_count: Count
    step_count_by_type: StepCounts
    runs: RunCounts
    success_rate: Rate = Field(description="From 0 to 1; null without runs that ended.")
    duration_ms: Spread = Field(description="From the start of a run to its end.")
    queue_ms: QueueTimes = Field(description="From the creation of a run to its start.")
    last_run: BriefRun | None
    last_success: BriefRun | None
    last_failure: BriefRun | None
    failing_streak: Count = Field(
        description="The number of runs that failed since the last success."
    )
    release_count: Count
    recent_runs: list[BriefRun] = Field(description="The last 30.")
    steps: list[StepStatistics]

"""Workflows, their revisions and statistics."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.responses.base import Answer, Count, Fault, Id, Milliseconds, Slug, Time
from blueprints.responses.runs import RunStatus
from domain.definitions.schema import Definition, Parameter, Stage

Rate = Annotated[float | None, Field(ge=0, le=1)]
"""From 0 to 1; null without anything to count."""


class LastRun(Answer):
    """The run of a workflow that was started last."""

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
    last_run: LastRun | None = Field(description="The last that was started.")


class Workflow(Answer):
    """The definition as it is now: changed, it can be sent back as it is."""

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
    parameters: list[Parameter] | None = Field(
        description="What a run may be given; null: any texts, numbers and booleans."
    )
    concurrency: int | None = Field(
        description="How many of its runs may be in progress at once; null: any number."
    )
    stages: list[Stage] = Field(description="In the order of execution.")
    warnings: list[Fault] = Field(description="What a run started now would be refused for.")


class PlannedStep(Answer):
    """What a step would touch. What its type has nothing to do with is null, or empty."""

    stage: str
    name: str
    type: Literal["Build", "Test", "Deploy"]
    ingredient_id: str | None = Field(description="Of a Build: what it would release.")
    test_suite: str | None
    releases: list[str] = Field(
        description="References of the releases from which a Test or Deploy would take files; "
        "`ingredient@run` is what the same run builds before."
    )
    target: str | None = Field(description="The environment of a Deploy.")
    driver: Literal["directory", "script", "storage"] | None = Field(
        description="Of the target; null also where there is no such environment yet."
    )
    artifact_path: str | None
    duration_ms: Milliseconds | None = Field(
        description="The median of what it took in the last runs; null if it never ran."
    )


class Validation(Answer):
    """What a save would say, and what runs of it would do."""

    valid: bool = Field(description="Whether it could be saved.")
    errors: list[Fault] = Field(description="What a save would be refused for.")
    warnings: list[Fault] = Field(description="What a run started now would be refused for.")
    plan: list[PlannedStep] = Field(
        description="Its steps in the order of execution; empty where the errors leave none."
    )


class RevisionItem(Answer):
    """A saved state of a workflow."""

    revision: int = Field(ge=1)
    created_at: Time
    created_by: str
    comment: str = Field(description="Why, as the editor asks for it; empty where nobody said.")


class Revision(RevisionItem):
    """A saved state of a workflow, with all that it says."""

    definition: Definition = Field(description="Sent in a PUT as it is, it is restored.")


class BriefRun(Answer):
    """A run in short."""

    id: Id
    number: int
    status: RunStatus
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


class RunCounts(Answer):
    """How many runs there are in each status."""

    total: Count
    pending: Count = Field(alias="Pending")
    running: Count = Field(alias="Running")
    succeeded: Count = Field(alias="Succeeded")
    failed: Count = Field(alias="Failed")
    cancelled: Count = Field(alias="Cancelled")


class StepCounts(Answer):
    """How many steps there are of each type."""

    build: Count = Field(alias="Build")
    test: Count = Field(alias="Test")
    deploy: Count = Field(alias="Deploy")


class Spread(Answer):
    """How durations are spread."""

    min: Milliseconds | None
    median: Milliseconds | None
    p90: Milliseconds | None
    p95: Milliseconds | None
    max: Milliseconds | None
    mean: Milliseconds | None


class QueueTimes(Answer):
    """How long runs have waited."""

    median: Milliseconds | None
    p95: Milliseconds | None


class StepStatistics(Answer):
    """A step in numbers."""

    stage: str
    name: str
    type: Literal["Build", "Test", "Deploy"]
    runs: Count
    failure_rate: Rate = Field(description="From 0 to 1; null if it never ended.")
    duration_ms: Milliseconds | None = Field(description="The median.")


class Metadata(Answer):
    """A workflow in numbers. Rates leave out what was cancelled."""

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
    queue_ms: QueueTimes = Field(description="From the making of a run to its start.")
    last_run: BriefRun | None
    last_success: BriefRun | None
    last_failure: BriefRun | None
    failing_streak: Count = Field(description="How many runs have failed since the last success.")
    release_count: Count
    recent_runs: list[BriefRun] = Field(description="The last 30.")
    steps: list[StepStatistics]

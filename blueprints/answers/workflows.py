"""Workflows, their revisions and statistics."""

from typing import Literal

from pydantic import Field

from blueprints.answers import Answer, Count, Fault, Id, Milliseconds, Slug, Time
from blueprints.answers.runs import RunStatus
from domain.workflow_schema import Definition, Parameter, Stage

Rate = float | None


class LastRun(Answer):
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
    last_run: LastRun | None


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
    parameters: list[Parameter] | None
    concurrency: int | None
    stages: list[Stage] = Field(description="In the order of execution.")
    warnings: list[Fault] = Field(description="What a run started now would be refused for.")


class RevisionItem(Answer):
    revision: int = Field(ge=1)
    created_at: Time
    created_by: str


class Revision(RevisionItem):
    definition: Definition = Field(description="Sent in a PUT as it is, it is restored.")


class BriefRun(Answer):
    id: Id
    number: int
    status: RunStatus
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


class RunCounts(Answer):
    total: Count
    pending: Count = Field(alias="Pending")
    running: Count = Field(alias="Running")
    succeeded: Count = Field(alias="Succeeded")
    failed: Count = Field(alias="Failed")
    cancelled: Count = Field(alias="Cancelled")


class StepCounts(Answer):
    build: Count = Field(alias="Build")
    test: Count = Field(alias="Test")
    deploy: Count = Field(alias="Deploy")


class Spread(Answer):
    min: Milliseconds | None
    median: Milliseconds | None
    p90: Milliseconds | None
    p95: Milliseconds | None
    max: Milliseconds | None
    mean: Milliseconds | None


class QueueTimes(Answer):
    median: Milliseconds | None
    p95: Milliseconds | None


class StepStatistics(Answer):
    stage: str
    name: str
    type: Literal["Build", "Test", "Deploy"]
    runs: Count
    failure_rate: Rate
    duration_ms: Milliseconds | None


class Metadata(Answer):
    """A workflow in numbers. Rates leave Cancelled out; without runs a rate is null."""

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
    success_rate: Rate
    duration_ms: Spread
    queue_ms: QueueTimes
    last_run: BriefRun | None
    last_success: BriefRun | None
    last_failure: BriefRun | None
    failing_streak: Count
    release_count: Count
    recent_runs: list[BriefRun]
    steps: list[StepStatistics]

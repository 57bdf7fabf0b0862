"""Runs, their stages, steps, attempts and tests."""

from typing import Literal

from pydantic import ConfigDict, Field

from blueprints.answers import Answer, Count, Id, Milliseconds, Slug, Time
from blueprints.answers.catalog import Release

Json = str | int | float | bool

RunStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Skipped"]
Approver = Literal["User", "SuperUser", "Admin", "System_Admin"]


class StartedRun(Answer):
    run_id: Id
    status: RunStatus


class StepState(Answer):
    id: Id
    status: Status


class StageDecided(Answer):
    id: Id
    decision: Literal["approved", "rejected"]


class OutcomeAnswered(Answer):
    id: Id
    outside_effect: Literal["happened", "did_not"]


class RunItem(Answer):
    """A run in a list."""

    id: Id
    number: int = Field(ge=1, description="Counts the runs of its workflow.")
    workflow_id: Id
    workflow_name: str
    project_id: Slug
    status: RunStatus
    trigger_source: str
    triggered_by: str
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


class Reason(Answer):
    """One reason why something does not run (yet)."""

    code: str
    message: str
    since: Time
    until: Time | None
    who: list[Approver] = Field(description="Which roles can end the wait; empty: nobody has to.")


class TestCounts(Answer):
    __test__ = False  # a schema, not a test class

    total: Count
    passed: Count
    failed: Count
    skipped: Count
    errors: Count


class Attempt(Answer):
    attempt: int = Field(ge=1)
    status: Status
    worker: str
    started_at: Time
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: int | None
    message: str
    log_size: Count


class StepRun(Answer):
    """A step of a run. What it says of its end is about its last attempt."""

    id: Id
    step_name: str
    step_type: Literal["Build", "Test", "Deploy"]
    status: Status
    attempt: int = Field(ge=1)
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: int | None
    message: str
    waiting: list[Reason]
    log_size: Count
    release_id: Id | None
    deployment_id: Id | None
    outside_effect: Literal["unknown", "happened", "did_not"] | None = Field(
        description="Of a Deploy whose worker was lost: whether it happened, once somebody said so."
    )
    kept_from: Id | None = Field(
        description="The step of an earlier run whose success this rerun keeps."
    )
    tests: TestCounts | None
    attempts: list[Attempt]


class StageApproval(Answer):
    required: bool
    roles: list[Literal["User", "SuperUser", "Admin"]]


class StageDecision(Answer):
    model_config = ConfigDict(title="StageRunDecision")

    decision: Literal["approved", "rejected"]
    by: str
    at: Time
    comment: str


class StageRun(Answer):
    id: Id
    stage_name: str
    order: int
    status: Status
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    run_if: Literal["success", "always", "failure"]
    approval: StageApproval | None
    decision: StageDecision | None
    waiting: list[Reason]
    step_runs: list[StepRun]


class Event(Answer):
    """What happened to a run besides its steps' attempts."""

    at: Time
    actor: str | None
    message: str
    step_run_id: Id | None


class Run(RunItem):
    """A whole run."""

    revision: int = Field(ge=1)
    parameters: dict[str, Json]
    rerun_of: Id | None
    message: str
    cancel_requested_by: str | None
    waiting: list[Reason]
    stage_runs: list[StageRun]
    releases: list[Release]
    events: list[Event]


class Test(Answer):
    __test__ = False  # a schema, not a test class

    id: Id
    name: str
    suite: str
    result: Literal["Pass", "Fail", "Skip", "Error"]
    duration_ms: Milliseconds | None
    message: str
    review_status: Literal["NotReviewed", "Approved", "Rejected", "Waived"]
    reviewed_by: str | None
    comment: str

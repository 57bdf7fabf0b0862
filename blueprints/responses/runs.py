"""Runs, their stages, steps, attempts and tests."""

from typing import Literal

from pydantic import Field

from blueprints.responses.base import (
    Answer,
    Count,
    Id,
    Milliseconds,
    ReasonCode,
    Sha256,
    Slug,
    Time,
)
from blueprints.responses.catalog import Release

Json = str | int | float | bool

RunStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Skipped"]
Approver = Literal["User", "SuperUser", "Admin", "System_Admin"]


class StartedRun(Answer):
    """A run, and how it stands."""

    run_id: Id
    status: RunStatus


class StepState(Answer):
    """A step of a run, and how it stands."""

    id: Id
    status: Status


class StageDecided(Answer):
    """A stage of a run, and what was decided."""

    id: Id
    decision: Literal["approved", "rejected"]


class OutcomeAnswered(Answer):
    """A lost deployment, and what became of it."""

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
    trigger_source: str = Field(
        description="In the words of who started it: `api`, `page`, the name of a script …"
    )
    triggered_by: str = Field(description="The user who started it.")
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


class Reason(Answer):
    """One reason why something does not run (yet)."""

    code: ReasonCode
    message: str = Field(description="A sentence for a person.")
    since: Time
    until: Time | None = Field(description="When the wait ends by itself.")
    who: list[Approver] = Field(description="Which roles can end the wait; empty: nobody has to.")


class TestCounts(Answer):
    """How many tests ended how."""

    __test__ = False  # a schema, not a test class

    total: Count
    passed: Count
    failed: Count
    skipped: Count
    errors: Count


class Attempt(Answer):
    """One try of a step."""

    attempt: int = Field(ge=1)
    status: Status
    worker: str = Field(description="Which worker made it.")
    started_at: Time
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: int | None
    message: str
    log_size: Count = Field(description="Bytes.")


class StepRun(Answer):
    """A step of a run. What it says of its end is about its last attempt."""

    id: Id
    step_name: str
    step_type: Literal["Build", "Test", "Deploy"]
    status: Status
    attempt: int = Field(ge=1, description="The number of the last one.")
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: int | None = Field(description="Of its script.")
    message: str = Field(description="How it ended, where there is more to say than its status.")
    waiting: list[Reason] = Field(description="Why it does not run yet, or is stuck.")
    log_size: Count = Field(description="Bytes.")
    release_id: Id | None = Field(description="What a Build made.")
    deployment_id: Id | None = Field(description="What a Deploy did.")
    outside_effect: Literal["unknown", "happened", "did_not"] | None = Field(
        description="Of a Deploy whose worker was lost: whether it happened, once somebody said so."
    )
    kept_from: Id | None = Field(
        description="The step of an earlier run whose success this rerun keeps."
    )
    tests: TestCounts | None = Field(description="Of a Test that reported some.")
    attempts: list[Attempt]


class StageApproval(Answer):
    """That a stage waits for a person, and for whom."""

    required: bool
    roles: list[Literal["User", "SuperUser", "Admin"]] = Field(description="Who may decide.")


class StageRunDecision(Answer):
    """What a person has decided about a stage."""

    decision: Literal["approved", "rejected"]
    by: str
    at: Time
    comment: str


class StageRun(Answer):
    """A stage of a run."""

    id: Id
    stage_name: str
    order: int
    status: Status
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    run_if: Literal["success", "always", "failure"]
    approval: StageApproval | None
    decision: StageRunDecision | None
    waiting: list[Reason] = Field(description="Why it has not started.")
    step_runs: list[StepRun]


class Event(Answer):
    """What happened to a run besides its steps' attempts."""

    at: Time
    actor: str | None = Field(description="Who did it; null: Galley itself.")
    message: str
    step_run_id: Id | None


class Upload(Answer):
    """A log file that somebody added to a run."""

    name: str
    size: Count = Field(description="Bytes.")
    sha256: Sha256
    uploaded_at: Time
    uploaded_by: str


class Uploaded(Answer):
    """What a request has added."""

    uploads: list[Upload]


class Run(RunItem):
    """A whole run."""

    revision: int = Field(ge=1, description="Of the workflow, when it started.")
    parameters: dict[str, Json] = Field(description="Those given, and the defaults of the others.")
    rerun_of: Id | None = Field(description="The run that this one repeats.")
    message: str = Field(description="How it ended, where there is more to say than its status.")
    cancel_requested_by: str | None = Field(description="Who has stopped it.")
    waiting: list[Reason] = Field(description="Why it has not started.")
    stage_runs: list[StageRun] = Field(description="In the order of execution.")
    releases: list[Release] = Field(description="What it made or, in a rerun, kept.")
    events: list[Event]
    uploads: list[Upload]


class Test(Answer):
    """A test that a step has reported, and what a person made of it."""

    __test__ = False  # a schema, not a test class

    id: Id
    name: str
    suite: str = Field(description="As the report names it.")
    result: Literal["Pass", "Fail", "Skip", "Error"]
    duration_ms: Milliseconds | None
    message: str
    review_status: Literal["NotReviewed", "Approved", "Rejected", "Waived"]
    reviewed_by: str | None
    reviewed_at: Time | None
    comment: str

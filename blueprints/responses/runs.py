"""Runs, their stages, steps and attempts.

A run has thousands of steps and attempts at most: their members are named one by one, for speed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from blueprints.responses.base import (
    Answer,
    BulkAnswer,
    Count,
    Id,
    Milliseconds,
    ReasonCode,
    Role,
    Slug,
    StepType,
    Stored,
    Time,
)
from blueprints.responses.catalog import Release
from blueprints.responses.logs import Upload
from blueprints.responses.test_results import TestCounts
from domain import models
from domain.clock import elapsed
from domain.runs import pending_reasons
from domain.runs.queries import Details

Json = str | int | float | bool

RunStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Skipped"]
Approver = Literal["User", "SuperUser", "Admin", "System_Admin"]


class StartedRun(Answer):
    """A run and its status."""

    run_id: Id
    status: RunStatus


class StepState(Answer):
    """A step of a run and its status."""

    id: Id
    status: Status


class StageDecided(Answer):
    """A stage of a run and the decision about it."""

    id: Id
    decision: Literal["approved", "rejected"]


class OutcomeAnswered(Answer):
    """A deployment whose worker was lost, and its recorded outcome."""

    id: Id
    outside_effect: Literal["happened", "did_not"]


@dataclass(slots=True)
class RunItem(BulkAnswer):
    """A run in a list."""

    id: Id
    number: Annotated[int, Field(ge=1, description="It counts the runs of its workflow.")]
    workflow_id: Id
    workflow_name: str
    project_id: Slug
    status: RunStatus
    trigger_source: Annotated[
        str, Field(description="As the caller named it: `api`, `page`, the name of a script …")
    ]
    triggered_by: Annotated[str, Field(description="The user who started it.")]
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None


def run_item(row: models.Run) -> RunItem:
    """Return a run for a list; its workflow must be loaded."""
    return RunItem.of(row, workflow_name=row.workflow.name, duration_ms=_took(row))


def _took(row: models.Run | models.StageRun | models.StepRun | models.Attempt) -> int | None:
    return elapsed(row.started_at, row.completed_at)


@dataclass(slots=True)
class Reason(BulkAnswer):
    """A reason why something does not run yet."""

    code: Stored[ReasonCode]
    message: Annotated[str, Field(description="A sentence for people.")]
    since: Time
    until: Annotated[Time | None, Field(description="When the wait ends automatically.")]
    who: Annotated[
        list[Approver],
        Field(description="The roles that can end the wait; empty: it needs no person."),
    ]


def _reasons(found: Sequence[pending_reasons.Reason]) -> list[Reason]:
    return [Reason(**reason) for reason in found]


@dataclass(slots=True)
class Attempt(BulkAnswer):
    """One attempt at a step."""

    attempt: Annotated[int, Field(ge=1)]
    status: Status
    worker: Annotated[str, Field(description="The worker that made it.")]
    started_at: Time
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: int | None
    message: str
    log_size: Annotated[Count, Field(description="Bytes.")]


def attempt(row: models.Attempt) -> Attempt:
    """Return one attempt at a step."""
    return Attempt(
        attempt=row.number,
        status=row.status,
        worker=row.worker,
        started_at=row.started_at,
        completed_at=row.completed_at,
        duration_ms=_took(row),
        exit_code=row.exit_code,
        message=row.message,
        log_size=row.log_size,
    )


@dataclass(slots=True)
class StepRun(BulkAnswer):
    """A step of a run. Exit code, message and times are those of its last attempt."""

    id: Id
    step_name: str
    step_type: StepType
    status: Status
    attempt: Annotated[int, Field(ge=1, description="The number of the last one.")]
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    exit_code: Annotated[int | None, Field(description="Of its script.")]
    message: Annotated[
        str, Field(description="How it ended, where there is more to say than its status.")
    ]
    waiting: Annotated[list[Reason], Field(description="Why it does not run yet, or is stuck.")]
    log_size: Annotated[Count, Field(description="Bytes.")]
    release_id: Annotated[Id | None, Field(description="The release that a Build created.")]
    deployment_id: Annotated[Id | None, Field(description="The deployment that a Deploy made.")]
    outside_effect: Annotated[
        Literal["unknown", "happened", "did_not"] | None,
        Field(description="Of a Deploy whose worker was lost: its outcome, once recorded."),
    ]
    kept_from: Annotated[
        Id | None, Field(description="The step of an earlier run that this rerun reuses.")
    ]
    tests: Annotated[Stored[TestCounts | None], Field(description="Of a Test that reported some.")]
    attempts: list[Attempt]


def _step(row: models.StepRun, details: Details) -> StepRun:
    return StepRun(
        id=row.id,
        step_name=row.name,
        step_type=row.type,
        status=row.status,
        attempt=row.attempt,
        started_at=row.started_at,
        completed_at=row.completed_at,
        duration_ms=_took(row),
        exit_code=row.exit_code,
        message=row.message,
        waiting=_reasons(details.reasons.steps[row.id]),
        log_size=row.log_size,
        release_id=row.release_id,
        deployment_id=row.deployment_id,
        outside_effect=row.outside_effect,
        kept_from=row.kept_from,
        tests=row.test_counts,
        attempts=[attempt(item) for item in details.attempts_of.get(row.id, ())],
    )


class StageApproval(Answer):
    """The approval that a stage requires."""

    required: bool
    roles: list[Role] = Field(description="The roles that may decide.")


class StageRunDecision(Answer):
    """The decision of a person about a stage."""

    decision: Literal["approved", "rejected"]
    by: str
    at: Time
    comment: str


@dataclass(slots=True)
class StageRun(BulkAnswer):
    """A stage of a run."""

    id: Id
    stage_name: str
    order: int
    status: Status
    started_at: Time | None
    completed_at: Time | None
    duration_ms: Milliseconds | None
    run_if: Literal["success", "always", "failure"]
    approval: Stored[StageApproval | None]
    decision: StageRunDecision | None
    waiting: Annotated[list[Reason], Field(description="Why it has not started.")]
    step_runs: list[StepRun]


def _stage(row: models.StageRun, details: Details) -> StageRun:
    decision = row.decision and StageRunDecision(
        decision=row.decision, by=row.decided_by, at=row.decided_at, comment=row.comment
    )
    return StageRun.of(
        row,
        stage_name=row.name,
        duration_ms=_took(row),
        decision=decision,
        waiting=_reasons(details.reasons.stages[row.id]),
        step_runs=[_step(item, details) for item in details.steps_of.get(row.id, ())],
    )


class Event(Answer):
    """An event of a run besides the attempts of its steps."""

    at: Time
    actor: str | None = Field(description="The user who caused it; null: Galley itself.")
    message: str
    step_run_id: Id | None


@dataclass(slots=True)
class Run(RunItem):
    """A whole run."""

    revision: Annotated[int, Field(ge=1, description="Of the workflow, when it started.")]
    parameters: Annotated[
        Stored[dict[str, Json]], Field(description="As given, and the defaults of the others.")
    ]
    rerun_of: Annotated[Id | None, Field(description="The run that this one repeats.")]
    message: Annotated[
        str, Field(description="How it ended, where there is more to say than its status.")
    ]
    cancel_requested_by: Annotated[str | None, Field(description="The user who aborted it.")]
    waiting: Annotated[list[Reason], Field(description="Why it has not started.")]
    stage_runs: Annotated[list[StageRun], Field(description="In the order of execution.")]
    releases: Annotated[
        list[Release], Field(description="Those that it created or, in a rerun, reuses.")
    ]
    events: list[Event]
    uploads: list[Upload]


def run(details: Details) -> Run:
    """Return a whole run: its stages with their steps, why it waits, what it released."""
    row = details.run
    return Run.of(
        row,
        workflow_name=row.workflow.name,
        duration_ms=_took(row),
        cancel_requested_by=row.cancelled_by,
        waiting=_reasons(details.reasons.run),
        stage_runs=[_stage(item, details) for item in details.stages],
        releases=[
            Release.of(item, packages=details.packages[item.id]) for item in details.releases
        ],
        events=[Event.of(item) for item in details.events],
        uploads=[Upload.of(item) for item in details.uploads],
    )

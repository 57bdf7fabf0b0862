"""Requests of people and scripts to a run: abort, complete, approve, reject.

Each is recorded in the run's events and in the audit, in the transaction that carries it out.
`by` is the actor who asks.
"""

from typing import Any

from peewee import fn

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.clock import now
from domain.engine.advance import advance_in_transaction, mark_started
from domain.engine.announcements import announce
from domain.engine.types import AbortRequest
from domain.models import Run, RunEvent, StageRun, StepRun, write
from domain.models.run_facts import touch
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING


def abort_run(run_id: str, *, by: Actor) -> None:
    """Abort a run unless it has ended: cancel its pending steps, have workers abort the others."""
    with write(run_id):
        aborted = list(
            Run.update(cancelled_by=by.username)
            .where((Run.id == run_id) & Run.completed_at.is_null() & Run.cancelled_by.is_null())
            .returning(Run.project_id, Run.number)
            .execute()
        )
        if not aborted:
            return
        (run,) = aborted
        RunEvent.create(run=run_id, actor=by.username, message="asked to abort the run")
        audit.record(
            by, "abort", "run", run_id, project_id=run.project_id, detail={"number": run.number}
        )
        _cancel((StepRun.run == run_id) & StepRun.ready_at.is_null(False), by)
        _request_abort(StepRun.run == run_id)
        touch(run_id)
        advance_in_transaction(run_id)


def abort_step(step: StepRun, *, by: Actor) -> None:
    """Abort a step unless it has ended."""
    with write(step.run_id):
        named = StepRun.id == step.id
        if not (_cancel(named, by) or _request_abort(named)):
            return
        _record(by, "abort", step, f"asked to abort {step.name}")
        touch(step.run_id)
        advance_in_transaction(step.run_id)


def _cancel(which: Any, by: Actor) -> int:
    """End pending steps and return how many there were."""
    message = f"Aborted by {by.username}."
    ended = StepRun.update(status=CANCELLED, completed_at=now(), message=message)
    return int(ended.where(which & (StepRun.status == PENDING)).execute())


def _request_abort(which: Any) -> int:
    """Have the workers of running steps abort them, and return how many there are."""
    running = list(
        StepRun.update(cancel_requested=True)
        .where(which & (StepRun.status == RUNNING))
        .returning(StepRun.id, StepRun.worker)
        .execute()
    )
    announce([AbortRequest(step.id, step.worker) for step in running])
    return len(running)


def complete_external(
    step: StepRun, *, status: str, message: str, release_id: str | None, by: Actor
) -> bool:
    """End a step that waits for external completion. False: it does not wait (any more)."""
    with write(step.run_id):
        columns = {"status": status, "message": message, "release_id": release_id}
        if not _end_external(step, awaits_completion(step.id), **columns):
            return False
        said = {"status": status, "releaseId": release_id}
        _record(by, "complete", step, f"completed {step.name}: {status}", **said)
    return True


def expire_external(step_id: str) -> None:
    """End a step whose external completion is overdue."""
    step = StepRun.get_by_id(step_id)
    overdue = StepRun.ready_at + step.timeout_seconds * 1000 <= now()
    message = f"It was not completed within {step.timeout_seconds} seconds."
    with write(step.run_id):
        _end_external(step, awaits_completion(step_id) & overdue, status=FAILED, message=message)


def _end_external(step: StepRun, which: Any, **columns: Any) -> bool:
    at = now()
    ended = StepRun.update(started_at=StepRun.ready_at, completed_at=at, **columns).where(which)
    if not ended.execute():
        return False
    mark_started(step.run_id, step.stage_id, at)
    advance_in_transaction(step.run_id)
    return True


def awaits_completion(step_id: str) -> Any:
    """Return the condition of a step that waits for external completion."""
    return (
        (StepRun.id == step_id)
        & (StepRun.status == PENDING)
        & StepRun.is_outside
        & StepRun.ready_at.is_null(False)
    )


def _record(by: Actor, action: str, part: StepRun | StageRun, message: str, **detail: Any) -> None:
    kind, step_id = ("step", part.id) if isinstance(part, StepRun) else ("stage", None)
    RunEvent.create(run=part.run_id, step_run_id=step_id, actor=by.username, message=message)
    audit.record(
        by,
        action,
        kind,
        part.id,
        project_id=part.run.project_id,
        detail={"runId": part.run_id, "name": part.name, **detail},
    )


def decide_stage(stage: StageRun, *, decision: str, by: Actor, comment: str) -> bool:
    """Decide, `approved` or `rejected`. False: the stage does not wait for approval (any more)."""
    with write(stage.run_id):
        decided = (
            StageRun.update(
                decision=decision, decided_by=by.username, decided_at=now(), comment=comment
            )
            .where(
                (StageRun.id == stage.id)
                & (StageRun.status == PENDING)
                & StageRun.opened_at.is_null()
                & StageRun.decision.is_null()
                & StageRun.approval.is_null(False)
                & ~fn.EXISTS(_unfinished_before(stage))
            )
            .execute()
        )
        if not decided:
            return False
        action = {"approved": "approve", "rejected": "reject"}[decision]
        _record(by, action, stage, f"{decision} the stage {stage.name}", comment=comment)
        touch(stage.run_id)
        advance_in_transaction(stage.run_id)
    return True


def _unfinished_before(stage: StageRun) -> Any:
    earlier = StageRun.alias()
    return earlier.select(earlier.id).where(
        (earlier.run == stage.run_id)
        & (earlier.position < stage.position)
        & earlier.completed_at.is_null()
    )

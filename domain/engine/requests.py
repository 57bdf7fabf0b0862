"""What people and scripts ask of a run: stop, complete, approve, reject.

Each is told to the run's events and to the audit in the transaction that does it. `by`: who asks.
"""

from typing import Any

from peewee import fn

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.clock import now
from domain.engine.advance import admit_after, advance_in_transaction, mark_started
from domain.engine.types import Ready
from domain.models import Run, RunEvent, StageRun, StepRun, write
from domain.models.run_facts import touch
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING


def abort_run(run_id: str, *, by: Actor) -> tuple[list[StepRun], list[Ready]]:
    """Stop a run: what has not started never will, what runs is told to stop.

    Returns the running steps, whose workers the caller pokes, and what became ready elsewhere.
    Nothing happens to a finished run.
    """
    with write(run_id):
        asked = list(
            Run.update(cancelled_by=by.username)
            .where((Run.id == run_id) & Run.completed_at.is_null() & Run.cancelled_by.is_null())
            .returning(Run.project_id, Run.number)
            .execute()
        )
        if not asked:
            return [], []
        (run,) = asked
        RunEvent.create(run=run_id, actor=by.username, message="asked to stop the run")
        audit.record(
            by, "abort", "run", run_id, project_id=run.project_id, detail={"number": run.number}
        )
        StepRun.update(**_stopped(by)).where(
            (StepRun.run == run_id) & (StepRun.status == PENDING) & StepRun.ready_at.is_null(False)
        ).execute()
        running = _ask_to_stop((StepRun.run == run_id) & (StepRun.status == RUNNING))
        touch(run_id)
        advance_in_transaction(run_id)
    return running, admit_after(run_id)


def abort_step(step: StepRun, *, by: Actor) -> tuple[list[StepRun], list[Ready]]:
    """Stop one step. Returns the step if a worker has to be poked, and what became ready.

    Nothing happens to a finished step.
    """
    with write(step.run_id):
        ended = (
            StepRun.update(**_stopped(by))
            .where((StepRun.id == step.id) & (StepRun.status == PENDING))
            .execute()
        )
        running = _ask_to_stop((StepRun.id == step.id) & (StepRun.status == RUNNING))
        if not (ended or running):
            return [], []
        _record_step(by, "abort", step, f"asked to stop {step.name}")
        touch(step.run_id)
        ready = advance_in_transaction(step.run_id)
    return running, ready + admit_after(step.run_id)


def _stopped(by: Actor) -> dict[str, Any]:
    return {
        "status": CANCELLED,
        "completed_at": now(),
        "message": f"Stopped by {by.username}.",
    }


def _ask_to_stop(which: Any) -> list[StepRun]:
    return list(
        StepRun.update(cancel_requested=True)
        .where(which)
        .returning(StepRun.id, StepRun.worker, StepRun.attempt)
        .execute()
    )


def complete_outside(
    step: StepRun, *, status: str, message: str, release_id: str | None, by: Actor
) -> list[Ready] | None:
    """End a step that waits for the outside. None: it was not waiting (any more)."""
    with write(step.run_id):
        at = now()
        ended = (
            StepRun.update(
                status=status,
                message=message,
                release_id=release_id,
                started_at=StepRun.ready_at,
                completed_at=at,
            )
            .where(waits_outside(step.id))
            .execute()
        )
        if not ended:
            return None
        said = {"status": status, "releaseId": release_id}
        _record_step(by, "complete", step, f"completed {step.name}: {status}", **said)
        mark_started(step.run_id, step.stage_id, at)
        ready = advance_in_transaction(step.run_id)
    return ready + admit_after(step.run_id)


def _record_step(by: Actor, action: str, step: StepRun, message: str, **detail: Any) -> None:
    RunEvent.create(run=step.run_id, step_run_id=step.id, actor=by.username, message=message)
    audit.record(
        by,
        action,
        "step",
        step.id,
        project_id=step.run.project_id,
        detail={"runId": step.run_id, "name": step.name, **detail},
    )


def decide_stage(stage: StageRun, *, decision: str, by: Actor, comment: str) -> list[Ready] | None:
    """Approve or reject a stage that waits for it. None: it was already decided or is not due."""
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
            return None
        _record_decision(by, stage, decision, comment)
        touch(stage.run_id)
        ready = advance_in_transaction(stage.run_id)
    return ready + admit_after(stage.run_id)


def _record_decision(by: Actor, stage: StageRun, decision: str, comment: str) -> None:
    """decision: `approved` or `rejected`; the audit's action is the verb."""
    RunEvent.create(
        run=stage.run_id, actor=by.username, message=f"{decision} the stage {stage.name}"
    )
    audit.record(
        by,
        {"approved": "approve", "rejected": "reject"}[decision],
        "stage",
        stage.id,
        project_id=stage.run.project_id,
        detail={"runId": stage.run_id, "name": stage.name, "comment": comment},
    )


def _unfinished_before(stage: StageRun) -> Any:
    earlier = StageRun.alias()
    return earlier.select(earlier.id).where(
        (earlier.run == stage.run_id)
        & (earlier.position < stage.position)
        & earlier.completed_at.is_null()
    )


def expire_outside(step_id: str) -> list[Ready]:
    """End a step that waited for the outside for longer than its time limit."""
    step = StepRun.get_by_id(step_id)
    with write(step.run_id):
        at = now()
        ended = (
            StepRun.update(
                status=FAILED,
                message=f"Nobody completed it within {step.timeout_seconds} seconds.",
                started_at=StepRun.ready_at,
                completed_at=at,
            )
            .where(waits_outside(step_id) & (StepRun.ready_at + step.timeout_seconds * 1000 <= at))
            .execute()
        )
        if not ended:
            return []
        mark_started(step.run_id, step.stage_id, at)
        ready = advance_in_transaction(step.run_id)
    return ready + admit_after(step.run_id)


def waits_outside(step_id: str) -> Any:
    return (
        (StepRun.id == step_id)
        & (StepRun.status == PENDING)
        & StepRun.is_outside
        & StepRun.ready_at.is_null(False)
    )

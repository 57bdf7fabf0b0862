"""What people and scripts ask of a run: stop, complete, approve, reject."""

from typing import Any

from peewee import fn

from domain.clock import now
from domain.engine.advance import admit_after, advance_in_transaction, mark_started, touch
from domain.engine.types import Ready
from domain.models import Run, RunEvent, StageRun, StepRun, write
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING


def cancel_run(run_id: str, *, by: str) -> tuple[list[StepRun], list[Ready]]:
    """Stop a run: what has not started never will, what runs is told to stop.

    Returns the running steps, whose workers the caller pokes, and what became ready elsewhere.
    Nothing happens to a finished run.
    """
    with write(run_id):
        asked = (
            Run.update(cancelled_by=by)
            .where((Run.id == run_id) & Run.completed_at.is_null() & Run.cancelled_by.is_null())
            .execute()
        )
        if not asked:
            return [], []
        RunEvent.create(run=run_id, actor=by, message="asked to stop the run")
        at = now()
        StepRun.update(status=CANCELLED, completed_at=at, message=f"Stopped by {by}.").where(
            (StepRun.run == run_id) & (StepRun.status == PENDING) & StepRun.ready_at.is_null(False)
        ).execute()
        running = _ask_to_stop((StepRun.run == run_id) & (StepRun.status == RUNNING))
        touch(run_id)
        advance_in_transaction(run_id)
    return running, admit_after(run_id)


def cancel_step(step: StepRun, *, by: str) -> tuple[list[StepRun], list[Ready]]:
    """Stop one step. Returns the step if a worker has to be poked, and what became ready.

    Nothing happens to a finished step.
    """
    with write(step.run_id):
        ended = (
            StepRun.update(status=CANCELLED, completed_at=now(), message=f"Stopped by {by}.")
            .where((StepRun.id == step.id) & (StepRun.status == PENDING))
            .execute()
        )
        running = _ask_to_stop((StepRun.id == step.id) & (StepRun.status == RUNNING))
        if not (ended or running):
            return [], []
        RunEvent.create(
            run=step.run_id, step_run_id=step.id, actor=by, message=f"asked to stop {step.name}"
        )
        touch(step.run_id)
        ready = advance_in_transaction(step.run_id)
    return running, ready + admit_after(step.run_id)


def _ask_to_stop(which: Any) -> list[StepRun]:
    return list(
        StepRun.update(cancel_requested=True)
        .where(which)
        .returning(StepRun.id, StepRun.worker, StepRun.attempt)
        .execute()
    )


def complete_outside(
    step: StepRun, *, status: str, message: str, release_id: str | None
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
        mark_started(step.run_id, step.stage_id, at)
        ready = advance_in_transaction(step.run_id)
    return ready + admit_after(step.run_id)


def decide_stage(stage: StageRun, *, decision: str, by: str, comment: str) -> list[Ready] | None:
    """Approve or reject a stage that waits for it. None: it was already decided or is not due."""
    with write(stage.run_id):
        decided = (
            StageRun.update(decision=decision, decided_by=by, decided_at=now(), comment=comment)
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
        RunEvent.create(run=stage.run_id, actor=by, message=f"{decision} the stage {stage.name}")
        touch(stage.run_id)
        ready = advance_in_transaction(stage.run_id)
    return ready + admit_after(stage.run_id)


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

"""The run moves on: stages open and end, the run ends, the next one is let in."""

from collections.abc import Iterable, Sequence

from domain.clock import now
from domain.engine.types import Ready
from domain.models import Run, StageRun, StepRun, Workflow, write
from domain.progress import StageFacts, decide
from domain.statuses import FAILED, PENDING, RUNNING, SKIPPED


def advance(run_id: str) -> list[Ready]:
    """Make whatever move is due. Safe to call at any time, any number of times."""
    with write(run_id):
        ready = advance_in_transaction(run_id)
    return ready + admit_after(run_id)


def advance_in_transaction(run_id: str) -> list[Ready]:
    run = Run.get_by_id(run_id)
    if run.completed_at is not None or not (run.admitted or run.cancelled_by):
        return []
    stages = list(StageRun.select().where(StageRun.run == run_id).order_by(StageRun.position))
    decision = decide(_facts(run_id, stages), cancelled=run.cancelled_by is not None)
    by_position = {stage.position: stage for stage in stages}
    at = now()
    for position, status in decision.ended.items():
        _end_stage(by_position[position], status, at)
    ready: list[Ready] = []
    if decision.open is not None:
        ready = _open_stage(by_position[decision.open], at)
    if decision.outcome is not None:
        _end_run(run, decision.outcome, at)
    if decision.ended or decision.open is not None or decision.outcome:
        touch(run_id)
    return ready


def _facts(run_id: str, stages: Sequence[StageRun]) -> list[StageFacts]:
    statuses: dict[str, list[str]] = {stage.id: [] for stage in stages}
    rows = StepRun.select(StepRun.stage, StepRun.status).where(StepRun.run == run_id).tuples()
    for stage_id, status in list(rows):
        statuses[stage_id].append(status)
    return [
        StageFacts(
            position=stage.position,
            status=stage.status,
            run_if=stage.run_if,
            needs_approval=stage.approval is not None,
            decision=stage.decision,
            opened=stage.opened_at is not None,
            steps=tuple(statuses[stage.id]),
        )
        for stage in stages
    ]


def _open_stage(stage: StageRun, at: int) -> list[Ready]:
    StageRun.update(opened_at=at).where(StageRun.id == stage.id).execute()
    StepRun.update(ready_at=at, rung_at=at).where(
        (StepRun.stage == stage.id) & (StepRun.status == PENDING)
    ).execute()
    return as_ready(
        StepRun.select()
        .where((StepRun.stage == stage.id) & (StepRun.status == PENDING))
        .order_by(StepRun.position)
    )


def _end_stage(stage: StageRun, status: str, at: int) -> None:
    StageRun.update(status=status, completed_at=at).where(StageRun.id == stage.id).execute()
    StepRun.update(status=SKIPPED, completed_at=at).where(
        (StepRun.stage == stage.id) & (StepRun.status == PENDING)
    ).execute()


def _end_run(run: Run, outcome: str, at: int) -> None:
    message = f"Stopped by {run.cancelled_by}." if run.cancelled_by else _why(run.id)
    Run.update(status=outcome, completed_at=at, message=message).where(Run.id == run.id).execute()


def _why(run_id: str) -> str:
    """A sentence that names what failed; empty when nothing did."""
    failed = [
        name
        for (name,) in StepRun.select(StepRun.name)
        .where((StepRun.run == run_id) & (StepRun.status == FAILED))
        .tuples()
    ]
    if not failed:
        return ""
    total = StepRun.select().where(StepRun.run == run_id).count()
    return f"{len(failed)} of {total} steps failed: {', '.join(failed)}."


def admit_after(run_id: str) -> list[Ready]:
    """The run may have ended and made room for another one of its workflow."""
    workflow_id = (
        Run.select(Run.workflow)
        .join(Workflow)
        .where((Run.id == run_id) & Run.completed_at.is_null(False))
        .where(Workflow.concurrency.is_null(False))
        .scalar()
    )
    return admit(workflow_id) if workflow_id else []


def admit(workflow_id: str) -> list[Ready]:
    """Let the oldest held-back run of the workflow start if its concurrency limit has room.

    A transaction of its own, and the workflow is locked before any run: `runs.start` does it in
    that order too, so the two cannot block each other.
    """
    with write():
        limit = lock_workflow(workflow_id)
        if limit is not None and count_in_progress(workflow_id) >= limit:
            return []
        oldest = (
            Run.select(Run.id)
            .where((Run.workflow == workflow_id) & Run.completed_at.is_null() & ~Run.admitted)
            .order_by(Run.number)
            .limit(1)
            .scalar()
        )
        if oldest is None:
            return []
        Run.update(admitted=True).where(Run.id == oldest).execute()
        return advance_in_transaction(oldest)


def lock_workflow(workflow_id: str) -> int | None:
    """Hold the workflow's row until the transaction ends. Returns its concurrency limit."""
    rows = list(
        Workflow.update(concurrency=Workflow.concurrency)
        .where(Workflow.id == workflow_id)
        .returning(Workflow.concurrency)
        .execute()
    )
    return rows[0].concurrency if rows else None


def count_in_progress(workflow_id: str) -> int:
    """How many runs of the workflow use up its concurrency limit."""
    unfinished = (Run.workflow == workflow_id) & Run.completed_at.is_null() & Run.admitted
    return int(Run.select().where(unfinished).count())


def as_ready(steps: Iterable[StepRun]) -> list[Ready]:
    return [Ready(s.id, s.attempt, s.bell, s.queue) for s in steps if not s.is_outside]


def mark_started(run_id: str, stage_id: str, at: int) -> None:
    StageRun.update(status=RUNNING, started_at=at).where(
        (StageRun.id == stage_id) & (StageRun.status == PENDING)
    ).execute()
    Run.update(status=RUNNING, started_at=at).where(
        (Run.id == run_id) & (Run.status == PENDING)
    ).execute()
    touch(run_id)


def touch(run_id: str) -> None:
    """Tell every page and script that watches the run: something visible has changed."""
    Run.update(version=Run.version + 1).where(Run.id == run_id).execute()

"""Moves of a run: stages open and end, the run ends, the next run is admitted."""

from typing import Any

from peewee import Case, fn

from domain.clock import now
from domain.engine.announcements import announce
from domain.engine.decide import StageFacts, decide
from domain.engine.types import Ready
from domain.models import Run, StageRun, StepRun, Workflow, after_commit, given, write
from domain.models.run_facts import touch
from domain.models.statements import Statement
from domain.statuses import FAILED, PENDING, RUNNING, SKIPPED

_RUN = Statement(
    lambda: Run.select(Run.completed_at, Run.admitted, Run.cancelled_by).where(
        Run.id == given("run_id")
    )
)
_STAGES = Statement(
    lambda: (
        StageRun.select(
            StageRun.id,
            StageRun.position,
            StageRun.status,
            StageRun.run_if,
            StageRun.approval.is_null(False),
            StageRun.decision,
            StageRun.opened_at.is_null(False),
        )
        .where(StageRun.run == given("run_id"))
        .order_by(StageRun.position)
    )
)
_STEPS = Statement(
    lambda: StepRun.select(StepRun.stage, StepRun.status).where(StepRun.run == given("run_id"))
)
_OPEN_STAGE = Statement(
    lambda: StageRun.update(opened_at=given("at")).where(StageRun.id == given("stage_id"))
)
_READY_STEPS = Statement(
    lambda: (
        StepRun.update(ready_at=given("at"), rung_at=given("at"))
        .where((StepRun.stage == given("stage_id")) & (StepRun.status == PENDING))
        .returning(
            StepRun.position,
            StepRun.id,
            StepRun.attempt,
            StepRun.bell,
            StepRun.queue,
            StepRun.is_outside,
        )
    )
)
_END_STAGE = Statement(
    lambda: StageRun.update(status=given("status"), completed_at=given("at")).where(
        StageRun.id == given("stage_id")
    )
)
_SKIP_STEPS = Statement(
    lambda: StepRun.update(status=SKIPPED, completed_at=given("at")).where(
        (StepRun.stage == given("stage_id")) & (StepRun.status == PENDING)
    )
)
_START_STAGE = Statement(
    lambda: StageRun.update(status=RUNNING, started_at=given("at")).where(
        (StageRun.id == given("stage_id")) & (StageRun.status == PENDING)
    )
)
_START_RUN = Statement(
    lambda: Run.update(
        status=Case(None, [(Run.status == PENDING, RUNNING)], Run.status),
        started_at=fn.COALESCE(Run.started_at, given("at")),
        version=Run.version + 1,
    ).where(Run.id == given("run_id"))
)
_LIMITED_WORKFLOW = Statement(
    lambda: (
        Run.select(Run.workflow)
        .join(Workflow)
        .where((Run.id == given("run_id")) & Workflow.concurrency.is_null(False))
    )
)


def advance(run_id: str) -> None:
    """Make every move that is due. Safe to call at any time, any number of times."""
    with write(run_id):
        if advance_in_transaction(run_id):
            touch(run_id)


def advance_in_transaction(run_id: str) -> bool:
    """Make every move that is due, in the caller's transaction, and return whether there was one.

    The caller touches the run.
    """
    run = _RUN.row(run_id=run_id)
    if run is None:
        return False
    completed_at, admitted, cancelled_by = run
    if completed_at is not None or not (admitted or cancelled_by):
        return False
    moved = False
    while True:
        ids, facts = _facts(run_id)
        decision = decide(facts, cancelled=cancelled_by is not None)
        at = now()
        for position, status in decision.ended.items():
            moved = True
            _END_STAGE.change(stage_id=ids[position], status=status, at=at)
            if not facts[position].opened:
                _SKIP_STEPS.change(stage_id=ids[position], at=at)
        if decision.outcome is not None:
            _end_run(run_id, decision.outcome, cancelled_by, at)
            return True
        if decision.open is None:
            return moved
        if _open_stage(ids[decision.open], at):
            return True
        moved = True  # every step was aborted before the stage began: it is over already


def rests() -> Any:
    """Return the condition of a run in progress that has no running and no ready step.

    The run waits for a person, or the process that had to advance it died.
    """
    live = StepRun.select(StepRun.id).where(
        (StepRun.run == Run.id)
        & ((StepRun.status == RUNNING) | (StepRun.status == PENDING))
        & StepRun.ready_at.is_null(False)
    )
    return Run.completed_at.is_null() & Run.admitted & ~fn.EXISTS(live)


def is_move_due(run_id: str) -> bool:
    """Return whether `advance` would change anything about an admitted run in progress."""
    cancelled_by = Run.select(Run.cancelled_by).where(Run.id == run_id).scalar()
    decision = decide(_facts(run_id)[1], cancelled=cancelled_by is not None)
    return bool(decision.ended) or decision.open is not None or decision.outcome is not None


def _facts(run_id: str) -> tuple[list[str], list[StageFacts]]:
    """Return the ids and the facts of the stages, both by position."""
    stages = _STAGES.rows(run_id=run_id)
    statuses: dict[str, list[str]] = {stage[0]: [] for stage in stages}
    for stage_id, status in _STEPS.rows(run_id=run_id):
        statuses[stage_id].append(status)
    facts = [
        StageFacts(
            position=position,
            status=status,
            run_if=run_if,
            needs_approval=bool(needs_approval),
            decision=decision,
            opened=bool(opened),
            steps=tuple(statuses[stage_id]),
        )
        for stage_id, position, status, run_if, needs_approval, decision, opened in stages
    ]
    return [stage[0] for stage in stages], facts


def _open_stage(stage_id: str, at: int) -> bool:
    """Make the pending steps of the stage ready and return whether there are any.

    Steps that wait for external completion need no worker.
    """
    _OPEN_STAGE.change(stage_id=stage_id, at=at)
    steps = sorted(_READY_STEPS.rows(stage_id=stage_id, at=at))
    announce([Ready(*step) for _, *step, is_outside in steps if not is_outside])
    return bool(steps)


def _end_run(run_id: str, outcome: str, cancelled_by: str | None, at: int) -> None:
    message = f"Aborted by {cancelled_by}." if cancelled_by else _why(run_id)
    Run.update(status=outcome, completed_at=at, message=message).where(Run.id == run_id).execute()
    after_commit(lambda: _fill_place_of(run_id))


def _why(run_id: str) -> str:
    """Return a sentence that names the failed steps, or an empty text."""
    steps = list(StepRun.select(StepRun.name, StepRun.status).where(StepRun.run == run_id).tuples())
    failed = [name for name, status in steps if status == FAILED]
    return f"{len(failed)} of {len(steps)} steps failed: {', '.join(failed)}." if failed else ""


def _fill_place_of(run_id: str) -> None:
    """Admit held-back runs of the workflow in place of a run that has ended."""
    if workflow_id := _LIMITED_WORKFLOW.value(run_id=run_id):
        admit(workflow_id)


def admit(workflow_id: str) -> None:
    """Admit held-back runs of the workflow, oldest first, while its concurrency limit allows.

    Each takes a transaction of its own and locks the workflow before any run. Starting a run locks
    in the same order, so the two cannot block each other.
    """
    while True:
        with write():
            limit = _lock_workflow(workflow_id)
            if limit is not None and count_in_progress(workflow_id) >= limit:
                return
            oldest = oldest_held_back(workflow_id)
            if oldest is None:
                return
            Run.update(admitted=True, version=Run.version + 1).where(
                (Run.id == oldest) & Run.completed_at.is_null()
            ).execute()
            advance_in_transaction(oldest)


def oldest_held_back(workflow_id: str) -> str | None:
    """Return the run that has waited longest for the workflow's concurrency limit."""
    oldest: str | None = (
        Run.select(Run.id)
        .where((Run.workflow == workflow_id) & Run.completed_at.is_null() & ~Run.admitted)
        .order_by(Run.number)
        .limit(1)
        .scalar()
    )
    return oldest


def _lock_workflow(workflow_id: str) -> int | None:
    """Lock the workflow's row until the transaction ends and return its concurrency limit."""
    rows = list(
        Workflow.update(concurrency=Workflow.concurrency)
        .where(Workflow.id == workflow_id)
        .returning(Workflow.concurrency)
        .execute()
    )
    return rows[0].concurrency if rows else None


def count_in_progress(workflow_id: str) -> int:
    """Return how many runs of the workflow count towards its concurrency limit."""
    unfinished = (Run.workflow == workflow_id) & Run.completed_at.is_null() & Run.admitted
    return int(Run.select().where(unfinished).count())


def mark_started(run_id: str, stage_id: str, at: int) -> None:
    """Record that a step of the stage begins, and with it perhaps the stage and the run."""
    _START_STAGE.change(stage_id=stage_id, at=at)
    _START_RUN.change(run_id=run_id, at=at)

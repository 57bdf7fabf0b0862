"""Read the facts outside a run that `domain.runs.pending_reasons` needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from domain.clock import now
from domain.models import Run, Statement, StepRun, given
from domain.statuses import PENDING, RUNNING
from domain.system.heartbeats import listeners, queues_without_room


@dataclass(frozen=True)
class Facts:
    """Facts outside a run that decide when it continues."""

    at: int
    redis_answers: bool = True
    silence_ms: int = 0
    """A worker is silent if the lease of its step ends within this time."""
    listeners: Mapping[str, int] = field(default_factory=dict)
    """Queue → number of its workers."""
    closed: Collection[str] = ()
    """Queues whose workers all lack the disk space to start this run."""
    ahead: Mapping[str, int] = field(default_factory=dict)
    """Ready step → number of older ready steps in its queue."""
    holders: Mapping[str, str] = field(default_factory=dict)
    """Lock → name and run number of the running step that holds it."""
    running_before: Sequence[str] = ()
    """Runs of the same workflow that use up its concurrency limit, as "#12"."""


def silence(lease_seconds: float) -> int:
    """Return `Facts.silence_ms` for this lease, which a worker renews far earlier than that."""
    return int(lease_seconds * 1000 / 2)


def gather(run: Run, steps: Sequence[StepRun], *, redis_answers: bool, silence_ms: int) -> Facts:
    """Read the facts that concern the run's pending steps."""
    at = now()
    ready = [s for s in steps if s.status == PENDING and s.ready_at is not None]
    locks = [s.lock_key for s in ready if s.lock_key]
    return Facts(
        at=at,
        redis_answers=redis_answers,
        silence_ms=silence_ms,
        listeners=listeners(at) if ready else {},
        closed=queues_without_room(at) if ready and run.status == PENDING else (),
        ahead=_count_ahead(ready),
        holders=_holders(locks) if locks else {},
        running_before=[] if run.admitted else _admitted_runs(run),
    )


def _count_ahead(ready: Sequence[StepRun]) -> dict[str, int]:
    """Count once for all steps that became ready together, as those of a stage do."""
    moments = {(step.queue, step.ready_at) for step in ready if not step.is_outside}
    older = {(queue, moment): _count_older(queue, moment) for queue, moment in moments}
    return {step.id: older.get((step.queue, step.ready_at), 0) for step in ready}


def _count_older(queue: str, moment: int) -> int:
    older = StepRun.select().where(
        (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
        & (StepRun.queue == queue)
        & (StepRun.ready_at < moment)
        & ~StepRun.is_outside
    )
    return int(older.count())


def _holders(locks: Sequence[str]) -> dict[str, str]:
    held = (
        StepRun.select(StepRun.lock_key, StepRun.name, Run.number)
        .join(Run)
        .where((StepRun.status == RUNNING) & StepRun.lock_key.in_(locks))
    )
    return {s.lock_key: f"{s.name} of run #{s.run.number}" for s in list(held)}


def _admitted_runs(run: Run) -> list[str]:
    others = (
        Run.select(Run.number)
        .where((Run.workflow == run.workflow_id) & Run.completed_at.is_null() & Run.admitted)
        .order_by(Run.number)
    )
    return [f"#{other.number}" for other in list(others)]


_DEPENDENT = Statement(
    lambda: (
        StepRun.select(StepRun.id)
        .where(
            (StepRun.run == given("run_id"))
            & (
                (
                    (StepRun.status == PENDING)
                    & StepRun.ready_at.is_null(False)
                    & ~StepRun.is_outside
                )
                | ((StepRun.status == RUNNING) & (StepRun.lease_until <= given("soon")))
            )
        )
        .limit(1)
    )
)


def may_change_unseen(run: Run, *, silence_ms: int) -> bool:
    """Return whether the reasons can change while the run's version stays the same.

    True while the run waits for other runs or workers, or has a silent worker.
    """
    if run.completed_at is not None:
        return False
    if not run.admitted:
        return True
    return _DEPENDENT.row(run_id=run.id, soon=now() + silence_ms) is not None

"""Who says that they are alive: the workers and the reconcilers, by their rows."""

from collections import Counter

from domain.models import ReconcilerInfo, Run, StepRun, WorkerInfo, Workflow
from domain.statuses import RUNNING

WORKER_MISSED_AFTER_MS = 60_000
RECONCILER_MISSED_AFTER_MS = 30_000
"""Three times as long as either is ever silent, or more."""


def listeners(at: int) -> dict[str, int]:
    """Queue → how many workers listen to it at this moment."""
    seen = WorkerInfo.select(WorkerInfo.queue).where(
        WorkerInfo.seen_at > at - WORKER_MISSED_AFTER_MS
    )
    return dict(Counter(queue for (queue,) in seen.tuples()))


def queues_without_room(at: int) -> set[str]:
    """Those whose workers all have a disk too full to begin new runs."""
    return queues_short_of_room(at) - {queue for queue, has_room in _workers(at) if has_room}


def queues_short_of_room(at: int) -> set[str]:
    """Those that have a worker whose disk is too full to begin new runs."""
    return {queue for queue, has_room in _workers(at) if not has_room}


def _workers(at: int) -> list[tuple[str, bool]]:
    """The queue of each worker at this moment, and whether it has room to begin new runs."""
    seen = WorkerInfo.select(WorkerInfo.queue, WorkerInfo.has_room).where(
        WorkerInfo.seen_at > at - WORKER_MISSED_AFTER_MS
    )
    return list(seen.tuples())


def has_reconciler(at: int) -> bool:
    """Whether anybody repairs what crashes leave behind."""
    seen = ReconcilerInfo.seen_at > at - RECONCILER_MISSED_AFTER_MS
    return bool(ReconcilerInfo.select().where(seen).exists())


def workers() -> list[WorkerInfo]:
    """Every worker that has not signed off, by host, queue and name; some may be long gone."""
    return list(WorkerInfo.select().order_by(WorkerInfo.host, WorkerInfo.queue, WorkerInfo.name))


def reconcilers() -> list[ReconcilerInfo]:
    """Every reconciler that has not signed off, those first that began first."""
    return list(ReconcilerInfo.select().order_by(ReconcilerInfo.started_at, ReconcilerInfo.name))


def steps_held() -> list[StepRun]:
    """The steps that workers hold, each with its worker, its lease, its run and workflow."""
    columns = (StepRun.id, StepRun.name, StepRun.queue, StepRun.worker, StepRun.lease_until)
    return list(
        StepRun.select(*columns, Run.id, Run.number, Workflow.id, Workflow.name)
        .join(Run)
        .join(Workflow)
        .where(StepRun.status == RUNNING)
        .order_by(StepRun.id)
    )

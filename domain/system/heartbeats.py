"""Heartbeats of workers and reconcilers."""

from collections import Counter

from domain.models import ReconcilerInfo, Run, StepRun, WorkerInfo, Workflow
from domain.statuses import RUNNING

WORKER_MISSED_AFTER_MS = 60_000
RECONCILER_MISSED_AFTER_MS = 30_000
"""At least three times the interval between two heartbeats."""


def is_alive(row: WorkerInfo | ReconcilerInfo, at: int) -> bool:
    """Return whether the last heartbeat is recent enough."""
    is_worker = isinstance(row, WorkerInfo)
    limit = WORKER_MISSED_AFTER_MS if is_worker else RECONCILER_MISSED_AFTER_MS
    return bool(row.seen_at > at - limit)


def host_name(host: str) -> str:
    """Return the name of a host without its boot and process namespace."""
    return host.partition("/")[0]


def listeners(at: int) -> dict[str, int]:
    """Return the number of live workers of each queue."""
    return dict(Counter(queue for queue, _ in _workers(at)))


def queues_without_room(at: int) -> set[str]:
    """Return the queues whose workers all have a disk too full to start new runs."""
    return queues_short_of_room(at) - {queue for queue, has_room in _workers(at) if has_room}


def queues_short_of_room(at: int) -> set[str]:
    """Return the queues with a worker whose disk is too full to start new runs."""
    return {queue for queue, has_room in _workers(at) if not has_room}


def _workers(at: int) -> list[tuple[str, bool]]:
    """Return the queue of each live worker, and whether it has room for new runs."""
    seen = WorkerInfo.select(WorkerInfo.queue, WorkerInfo.has_room).where(
        WorkerInfo.seen_at > at - WORKER_MISSED_AFTER_MS
    )
    return list(seen.tuples())


def workers() -> list[WorkerInfo]:
    """Return every worker that has not signed off, by host, queue and name."""
    return list(WorkerInfo.select().order_by(WorkerInfo.host, WorkerInfo.queue, WorkerInfo.name))


def reconcilers() -> list[ReconcilerInfo]:
    """Return every reconciler that has not signed off, the longest running first."""
    return list(ReconcilerInfo.select().order_by(ReconcilerInfo.started_at, ReconcilerInfo.name))


def steps_held() -> list[StepRun]:
    """Return the steps that workers hold, each with its worker, lease, run, and workflow."""
    columns = (StepRun.id, StepRun.name, StepRun.queue, StepRun.worker, StepRun.lease_until)
    return list(
        StepRun.select(*columns, Run.id, Run.number, Workflow.id, Workflow.name)
        .join(Run)
        .join(Workflow)
        .where(StepRun.status == RUNNING)
        .order_by(StepRun.id)
    )

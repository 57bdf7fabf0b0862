"""Who says that they are alive: the workers and the reconcilers, by their rows."""

from collections import Counter

from domain.models import ReconcilerInfo, WorkerInfo

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
    seen = WorkerInfo.select(WorkerInfo.queue, WorkerInfo.has_room).where(
        WorkerInfo.seen_at > at - WORKER_MISSED_AFTER_MS
    )
    workers = list(seen.tuples())
    with_room = {queue for queue, has_room in workers if has_room}
    return {queue for queue, _ in workers} - with_room


def has_reconciler(at: int) -> bool:
    """Whether anybody repairs what crashes leave behind."""
    seen = ReconcilerInfo.seen_at > at - RECONCILER_MISSED_AFTER_MS
    return bool(ReconcilerInfo.select().where(seen).exists())

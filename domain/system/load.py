"""Load of the installation; the cost of these queries does not grow with the history."""

from dataclasses import dataclass

from peewee import fn

from domain.models import Run, StepRun
from domain.statuses import PENDING, RUNNING


@dataclass(frozen=True)
class Backlog:
    """The steps of one queue that wait for a worker."""

    length: int
    oldest_at: int


def runs_in_progress() -> dict[str, int]:
    """Return the number of unfinished runs of each status."""
    rows = (
        Run.select(Run.status, fn.COUNT(Run.id))
        .where(Run.completed_at.is_null())
        .group_by(Run.status)
    )
    return {PENDING: 0, RUNNING: 0, **dict(rows.tuples())}


def steps_running() -> dict[str, int]:
    """Return the number of running steps of each queue."""
    rows = (
        StepRun.select(StepRun.queue, fn.COUNT(StepRun.id))
        .where(StepRun.status == RUNNING)
        .group_by(StepRun.queue)
    )
    return dict(rows.tuples())


def steps_ready() -> dict[str, Backlog]:
    """Return the backlog of each queue that has one."""
    rows = (
        StepRun.select(StepRun.queue, fn.COUNT(StepRun.id), fn.MIN(StepRun.ready_at))
        .where((StepRun.status == PENDING) & StepRun.ready_at.is_null(False) & ~StepRun.is_outside)
        .group_by(StepRun.queue)
    )
    return {queue: Backlog(length, oldest) for queue, length, oldest in rows.tuples()}

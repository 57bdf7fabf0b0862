"""How busy the installation is, in few numbers that cost the same however much is stored."""

from dataclasses import dataclass

from peewee import fn

from domain.models import Run, StepRun
from domain.statuses import PENDING, RUNNING


@dataclass(frozen=True)
class Line:
    """The steps of one queue that wait for a worker: how many, and since when the oldest does."""

    length: int
    oldest_at: int


def runs_in_progress() -> dict[str, int]:
    """Status → how many runs have it, of those that are not over."""
    rows = (
        Run.select(Run.status, fn.COUNT(Run.id))
        .where(Run.completed_at.is_null())
        .group_by(Run.status)
    )
    return {PENDING: 0, RUNNING: 0, **dict(rows.tuples())}


def steps_running() -> dict[str, int]:
    """Queue → how many of its steps run."""
    rows = (
        StepRun.select(StepRun.queue, fn.COUNT(StepRun.id))
        .where(StepRun.status == RUNNING)
        .group_by(StepRun.queue)
    )
    return dict(rows.tuples())


def steps_ready() -> dict[str, Line]:
    """Queue → its steps that a worker could take."""
    rows = (
        StepRun.select(StepRun.queue, fn.COUNT(StepRun.id), fn.MIN(StepRun.ready_at))
        .where((StepRun.status == PENDING) & StepRun.ready_at.is_null(False) & ~StepRun.is_outside)
        .group_by(StepRun.queue)
    )
    return {queue: Line(length, oldest) for queue, length, oldest in rows.tuples()}

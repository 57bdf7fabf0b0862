"""How long a run and its steps usually take: what the runs that succeeded before it took.

Only successes count, for a failure ends early, and only the newest of them, for what was long ago
says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from domain.clock import elapsed
from domain.models import Run, StageRun, StepRun
from domain.statuses import RUNNING, SUCCEEDED
from domain.workflows.statistics import percentile

RUNS = 20
STEPS = 4_000
"""At most so many runs, and of large workflows fewer: as many as have about so many steps."""
ENOUGH = 3
"""Runs before which nothing is called late."""
TOLERANCE_MS = 1_000

StepName = tuple[str, str]
"""Of the stage and of the step: what stays the same from one run to the next."""


class Usual(NamedTuple):
    """Durations in milliseconds, each one that occurred, of so many `samples`."""

    median: int
    p90: int
    samples: int

    def is_exceeded(self, ms: int | None) -> bool:
        """Whether something that took, or has taken so far, `ms` is late.

        Late is more than nine in ten took, and by half more than the median: what always takes
        the same is not late for a second.
        """
        if ms is None or self.samples < ENOUGH:
            return False
        return ms > self.limit

    @property
    def limit(self) -> int:
        """What takes longer is late."""
        return max(self.p90, self.median * 3 // 2) + TOLERANCE_MS


@dataclass(frozen=True)
class UsualTimes:
    run: Usual | None = None
    steps: Mapping[StepName, Usual] = field(default_factory=dict)
    """None and no entry: it has not succeeded before."""


def usual(durations: list[int]) -> Usual | None:
    """None without any."""
    known = sorted(durations)
    median, p90 = percentile(known, 50), percentile(known, 90)
    return None if median is None or p90 is None else Usual(median, p90, len(known))


def before(run: Run) -> UsualTimes:
    """What is usual for the workflow of the run, from what its earlier runs took."""
    good = (Run.workflow == run.workflow_id) & (Run.status == SUCCEEDED) & (Run.number < run.number)
    columns = (Run.id, Run.started_at, Run.completed_at)
    newest = list(Run.select(*columns).where(good).order_by(Run.number.desc()).limit(2 * RUNS))
    shortened = _that_kept_steps(newest)
    took = [
        (row.id, elapsed(row.started_at, row.completed_at) or 0)
        for row in newest
        if row.id not in shortened
    ]
    return _of(tuple(took[:RUNS])) if took else UsualTimes()


def late_moments(run: Run) -> Sequence[int]:
    """When each step that runs will be late, in epoch milliseconds, the soonest first.

    Remembered for the run's version: nothing else tells that something has become late.
    """
    return _late_moments(run.id, run.version)


@lru_cache(maxsize=256)
def _late_moments(run_id: str, version: int) -> Sequence[int]:
    run = Run.get_or_none(Run.id == run_id)
    if run is None:  # somebody has removed it meanwhile
        return []
    usually = before(run).steps
    running = (
        StepRun.select(StageRun.name, StepRun.name, StepRun.started_at)
        .join(StageRun)
        .where((StepRun.run == run_id) & (StepRun.status == RUNNING))
        .tuples()
    )
    known = ((usually.get((stage, name)), start) for stage, name, start in running)
    return sorted(
        start + usual.limit for usual, start in known if usual and usual.samples >= ENOUGH and start
    )


@lru_cache(maxsize=64)
def _of(runs: tuple[tuple[str, int], ...]) -> UsualTimes:
    """What these runs took, by their ids: they have ended, so it stays."""
    size = StepRun.select().where(StepRun.run == runs[0][0]).count()
    runs = runs[: max(ENOUGH, STEPS // max(1, size))]
    return UsualTimes(usual([ms for _, ms in runs]), _of_steps([run_id for run_id, _ in runs]))


def _that_kept_steps(runs: list[Run]) -> set[str]:
    """Reruns that took less time, for something of them had been done before."""
    kept = StepRun.run.in_([row.id for row in runs]) & StepRun.kept_from.is_null(False)
    return {run_id for (run_id,) in StepRun.select(StepRun.run).where(kept).distinct().tuples()}


def _of_steps(run_ids: list[str]) -> dict[StepName, Usual]:
    ran = StepRun.run.in_(run_ids) & (StepRun.status == SUCCEEDED) & StepRun.kept_from.is_null()
    rows = (
        StepRun.select(StageRun.name, StepRun.name, StepRun.started_at, StepRun.completed_at)
        .join(StageRun)
        .where(ran)
        .tuples()
    )
    durations: dict[StepName, list[int]] = {}
    for stage, name, start, end in rows:
        took = elapsed(start, end)
        if took is not None:
            durations.setdefault((stage, name), []).append(took)
    return {name: found for name, known in durations.items() if (found := usual(known))}

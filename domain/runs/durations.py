"""Usual durations of a run and its steps, from the newest successful runs before it.

Failures do not count, as they end early.
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
"""Maximum of runs, and of their steps together: fewer runs of large workflows count."""
ENOUGH = 3
"""Successful runs needed to call anything late."""
TOLERANCE_MS = 1_000

StepName = tuple[str, str]
"""The names of the stage and the step, which identify a step in all runs."""


class UsualDuration(NamedTuple):
    """Durations in milliseconds, each of which occurred."""

    median: int
    p90: int
    samples: int

    def is_exceeded(self, ms: int | None) -> bool:
        """Return whether a duration (so far) is late."""
        return ms is not None and self.samples >= ENOUGH and ms > self.limit

    @property
    def limit(self) -> int:
        """Return the longest duration that is not late.

        It exceeds the median by half, so that a steady step is not late after a second.
        """
        return max(self.p90, self.median * 3 // 2) + TOLERANCE_MS


@dataclass(frozen=True)
class UsualDurations:
    """Empty for a run or step that has not succeeded before."""

    run: UsualDuration | None = None
    steps: Mapping[StepName, UsualDuration] = field(default_factory=dict)


def usual_for(run: Run) -> UsualDurations:
    """Return the usual durations from earlier runs of the run's workflow."""
    good = (Run.workflow == run.workflow_id) & (Run.status == SUCCEEDED) & (Run.number < run.number)
    columns = (Run.id, Run.started_at, Run.completed_at)
    newest = list(Run.select(*columns).where(good).order_by(Run.number.desc()).limit(2 * RUNS))
    shortened = _with_reused_steps(newest)
    took = [
        (row.id, elapsed(row.started_at, row.completed_at) or 0)
        for row in newest
        if row.id not in shortened
    ]
    return _usual_of(tuple(took[:RUNS])) if took else UsualDurations()


def late_moments(run: Run) -> Sequence[int]:
    """Return when each running step will be late, in epoch milliseconds, the soonest first.

    Cached for the run's version, which does not rise when a step becomes late.
    """
    return _late_moments(run.id, run.version)


@lru_cache(maxsize=256)
def _late_moments(run_id: str, version: int) -> Sequence[int]:
    run = Run.get_or_none(Run.id == run_id)
    if run is None:  # deleted meanwhile
        return []
    usually = usual_for(run).steps
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
def _usual_of(runs: tuple[tuple[str, int], ...]) -> UsualDurations:
    """Summarize these runs (id, duration), which have ended and so can be cached."""
    size = StepRun.select().where(StepRun.run == runs[0][0]).count()
    runs = runs[: max(ENOUGH, STEPS // max(1, size))]
    of_steps = _usual_of_steps([run_id for run_id, _ in runs])
    return UsualDurations(_summarize([ms for _, ms in runs]), of_steps)


def _with_reused_steps(runs: list[Run]) -> set[str]:
    """Return the reruns that took less time because they reused steps."""
    reused = StepRun.run.in_([row.id for row in runs]) & StepRun.kept_from.is_null(False)
    return {run_id for (run_id,) in StepRun.select(StepRun.run).where(reused).distinct().tuples()}


def _usual_of_steps(run_ids: list[str]) -> dict[StepName, UsualDuration]:
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
    return {name: _summarize(known) for name, known in durations.items()}


def _summarize(durations: list[int]) -> UsualDuration:
    known = sorted(durations)
    median, p90 = percentile(known, 50), percentile(known, 90)
    return UsualDuration(median or 0, p90 or 0, len(known))

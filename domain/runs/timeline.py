"""The timeline of a run: when each step waited and ran, and which were late or critical.

Pure. Positions are milliseconds since the run was queued.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.models import Attempt, Run, StageRun, StepRun
from domain.runs.durations import UsualDuration, UsualDurations
from domain.statuses import LIVE, RUNNING

ROOM = 1.15
"""Extra width while the run is in progress, for bars to grow into."""
MOST_TICKS = 7
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
STRIDES = [
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14, 28)),
]


class Stretch(NamedTuple):
    """The part of a bar for one attempt."""

    start: int
    end: int
    status: str
    number: int
    """The attempt's number."""
    is_growing: bool
    """The attempt has not ended: `end` is now."""


class Bar(NamedTuple):
    """The bar of one step."""

    step_id: str
    waited: tuple[int, int] | None
    """From being ready until a worker took it, or now; None if it was never ready."""
    attempts: Sequence[Stretch]
    usual: UsualDuration | None
    ghost: tuple[int, int] | None
    """The usual duration, from the start of the last attempt."""
    is_late: bool
    is_critical: bool
    """The step was the last to end in its stage, and so delayed the run."""


@dataclass(frozen=True)
class Timeline:
    origin: int
    """Epoch milliseconds of the left edge."""
    span: int
    """The whole width in milliseconds."""
    bars: Mapping[str, Bar]
    """Step id → bar."""

    def ticks(self) -> list[int]:
        """Return the positions of the grid lines, the first at 0."""
        stride = next((s for s in STRIDES if self.span / s <= MOST_TICKS), STRIDES[-1])
        return list(range(0, self.span, stride))


def draw(
    run: Run,
    stages: Sequence[StageRun],
    steps: Sequence[StepRun],
    attempts: Iterable[Attempt],
    usual: UsualDurations,
    at: int,
) -> Timeline:
    """Draw a run. attempts: of all steps, in order. at: now, in epoch milliseconds."""
    of_step: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        of_step.setdefault(attempt.step_id, []).append(attempt)
    of_stage: dict[str, list[StepRun]] = {}
    for step in steps:
        of_stage.setdefault(step.stage_id, []).append(step)
    origin = run.created_at
    bars: dict[str, Bar] = {}
    for stage in stages:
        drawn = [
            _bar(
                step,
                _stretches(step, of_step.get(step.id, []), origin, at),
                _waiting_since(step, stage, origin),
                usual.steps.get((stage.name, step.name)),
                at - origin,
            )
            for step in of_stage.get(stage.id, [])
        ]
        bars.update((bar.step_id, bar) for bar in drawn)
        last = _last(drawn)
        if last is not None:
            bars[last.step_id] = last._replace(is_critical=True)
    return Timeline(origin, _span(run, bars.values(), at), bars)


def _stretches(step: StepRun, attempts: Sequence[Attempt], origin: int, at: int) -> list[Stretch]:
    if attempts:
        return [_stretch(attempt, step, origin, at) for attempt in attempts]
    if step.started_at is None or step.completed_at is None or step.kept_from is not None:
        return []
    # External completion: there was no attempt.
    start = max(0, step.started_at - origin)
    return [Stretch(start, max(start, step.completed_at - origin), step.status, 1, False)]


def _stretch(attempt: Attempt, step: StepRun, origin: int, at: int) -> Stretch:
    is_growing = attempt.completed_at is None and step.status == RUNNING
    end = attempt.completed_at
    if end is None:
        end = at if is_growing else step.completed_at or at
    start = max(0, attempt.started_at - origin)
    status = RUNNING if is_growing else attempt.status
    return Stretch(start, max(start, end - origin), status, attempt.number, is_growing)


def _waiting_since(step: StepRun, stage: StageRun, origin: int) -> int | None:
    """Return the position at which workers could first take the step; None if never."""
    if step.kept_from is not None or step.ready_at is None:
        return None
    # `ready_at` may be that of a later attempt, so the opening of the stage counts.
    opened = step.ready_at if stage.opened_at is None else stage.opened_at
    return max(0, opened - origin)


def _bar(
    step: StepRun,
    stretches: Sequence[Stretch],
    since: int | None,
    usual: UsualDuration | None,
    at: int,
) -> Bar:
    """Draw the bar of a step. at: now, as a position."""
    waited = None
    if since is not None and (stretches or step.status in LIVE):
        until = stretches[0].start if stretches else at
        waited = (since, until) if since < until else None
    last = stretches[-1] if stretches else None
    took = last.end - last.start if last else None
    return Bar(
        step_id=step.id,
        waited=waited,
        attempts=stretches,
        usual=usual,
        ghost=(last.start, last.start + usual.median) if usual and last else None,
        is_late=usual is not None and usual.is_exceeded(took),
        is_critical=False,
    )


def _last(bars: Sequence[Bar]) -> Bar | None:
    """Return the bar that ended a stage or, while it runs, will probably end it."""
    ran = [bar for bar in bars if bar.attempts]
    running = [bar for bar in ran if bar.attempts[-1].is_growing]

    def end(bar: Bar) -> int:
        last = bar.attempts[-1].end
        return max(last, bar.ghost[1]) if running and bar.ghost else last

    return max(running or ran, key=end, default=None)


def _span(run: Run, bars: Iterable[Bar], at: int) -> int:
    ends = [0]
    for bar in bars:
        ends += [stretch.end for stretch in bar.attempts]
        ends += [bar.waited[1]] if bar.waited else []
        ends += [bar.ghost[1]] if bar.ghost and run.completed_at is None else []
    if run.completed_at is not None:
        return max(1, *ends, run.completed_at - run.created_at)
    return max(SECOND, round(max(*ends, at - run.created_at) * ROOM))

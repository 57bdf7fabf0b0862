"""Checks for stuck runs and steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn
from redis import RedisError

from domain import engine
from domain.clock import now
from domain.engine import Ready
from domain.models import Run, StageRun, StepRun
from domain.statuses import PENDING, RUNNING
from domain.system.checks import Finding, fault, unless
from domain.system.format import many, some, span
from domain.system.heartbeats import queues_short_of_room
from jobs.doctor.checks.parts import is_running, not_running
from jobs.doctor.scene import Scene
from jobs.queue import Doorbell, message_id

PATIENCE_MS = 60_000
"""Twice the interval of the slowest repair."""
PATIENT_LEASES = 2
"""A new reconciler waits one lease for the heartbeats of workers."""
MOST = 1000
"""The number of rows to check; if more are stuck, some of them are found."""


@dataclass(frozen=True)
class Stuck:
    """Steps and runs that should have continued, with the milliseconds since then."""

    overdue: Sequence[tuple[str, int]] = ()
    """Running steps whose lease expired."""
    unrung: Sequence[tuple[str, int]] = ()
    """Ready steps whose message is lost, and that were not enqueued again."""
    unmoved: Sequence[str] = ()
    """Runs that are due to continue."""


def runs(scene: Scene) -> list[Finding]:
    in_progress = Run.select().where(Run.completed_at.is_null()).count()
    if not is_running(scene):
        return [not_running("Runs", in_progress)]
    stuck = Stuck(
        overdue=_overdue(scene.settings.lease_seconds),
        unrung=_unrung(scene.redis_url),
        unmoved=_unmoved(),
    )
    return unless(judged(stuck), f"{in_progress} in progress, none stuck.")


def judged(stuck: Stuck) -> Iterator[Finding]:
    remedy = "Restart the reconciler (galley reconciler, or galley up) and check its output."
    if stuck.overdue:
        yield fault(
            f"{many(stuck.overdue, 'step')} of lost workers not reclaimed for up to "
            f"{_longest(stuck.overdue)}: {_named(stuck.overdue)}.",
            remedy,
        )
    if stuck.unrung:
        yield fault(
            f"{many(stuck.unrung, 'ready step')} without a message for up to "
            f"{_longest(stuck.unrung)}: {_named(stuck.unrung)}.",
            remedy,
        )
    if stuck.unmoved:
        yield fault(
            f"{many(stuck.unmoved, 'run')} not continued, although due: {some(stuck.unmoved)}.",
            remedy,
        )


def _longest(steps: Sequence[tuple[str, int]]) -> str:
    return span(max(ms for _, ms in steps))


def _named(steps: Sequence[tuple[str, int]]) -> str:
    return some([name for name, _ in steps])


def _overdue(lease_seconds: float) -> list[tuple[str, int]]:
    at = now()
    limit = at - max(PATIENCE_MS, int(PATIENT_LEASES * lease_seconds * 1000))
    # A lease of 0 was ended just now.
    lost = (StepRun.status == RUNNING) & StepRun.lease_until.between(1, limit)
    return [(_name(step), at - step.lease_until) for step in _steps(lost)]


def _unrung(redis_url: str | None) -> list[tuple[str, int]]:
    """Find lost messages; none if Redis does not answer, which is a finding of its own.

    Leaves out the steps of new runs where a worker has no room: these are enqueued in turn.
    """
    at = now()
    in_turn = (Run.status == PENDING) & StepRun.queue.in_(list(queues_short_of_room(at)))
    long_ago = (
        (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
        & (StepRun.rung_at < at - PATIENCE_MS)
        & ~StepRun.is_outside
        & ~in_turn
    )
    steps = _steps(long_ago)
    if not steps or redis_url is None:
        return []
    try:
        doorbell = Doorbell(redis_url)
        queues = {step.queue for step in steps}
        waiting = {message for queue in queues for message in doorbell.waiting_messages(queue)}
    except (RedisError, ValueError):
        return []
    return [
        (_name(step), at - step.rung_at)
        for step in steps
        if message_id(Ready.of(step)) not in waiting
    ]


def _unmoved() -> list[str]:
    """Find runs without recent events that wait neither for a step nor for a person."""
    since = now() - PATIENCE_MS
    of_run = (StepRun.run == Run.id) & (StepRun.completed_at > since)
    lately = StepRun.select(StepRun.id).where(of_run)
    decided = StageRun.select(StageRun.id).where(
        (StageRun.run == Run.id) & (StageRun.decided_at > since)
    )
    at_rest = Run.select(Run.id, Run.number).where(
        engine.rests() & (Run.created_at < since) & ~fn.EXISTS(lately) & ~fn.EXISTS(decided)
    )
    return [
        f"{run.id} (#{run.number})" for run in at_rest.limit(MOST) if engine.is_move_due(run.id)
    ]


def _steps(condition: Any) -> list[StepRun]:
    joined = StepRun.select(StepRun, Run.id, Run.number).join(Run).where(condition)
    return list(joined.order_by(StepRun.id).limit(MOST))


def _name(step: StepRun) -> str:
    return f"{step.name} of run {step.run.id} (#{step.run.number})"

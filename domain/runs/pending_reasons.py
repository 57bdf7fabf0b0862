"""Explain why parts of a run are Pending or stuck, with every reason. Pure.

A reason is `{"code", "message", "since", "until", "who"}`: times are epoch milliseconds, `who` are
the roles that can end the wait. Pending without a reason is a bug, so each function ends with a
reason of last resort.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from domain.accounts.access import SUPER_USER, SYSTEM_ADMIN
from domain.models import Run, StageRun, StepRun
from domain.runs.pending_facts import Facts
from domain.statuses import PENDING, RUNNING

Reason = dict[str, Any]


@dataclass(frozen=True)
class Reasons:
    """The reasons of a run, and by id those of its stages and steps; empty if nothing waits."""

    run: list[Reason]
    stages: dict[str, list[Reason]]
    steps: dict[str, list[Reason]]

    def __iter__(self) -> Iterator[Reason]:
        for reasons in (self.run, *self.stages.values(), *self.steps.values()):
            yield from reasons


def explain(
    run: Run, stages: Sequence[StageRun], steps: Sequence[StepRun], facts: Facts
) -> Reasons:
    """Return the reasons of everything that is Pending or stuck.

    Stuck are steps whose workers are silent, and started runs and stages with no step at work:
    before an approval, or while their other steps wait for a worker.
    """
    of_stages: dict[str, list[Reason]] = {}
    of_steps: dict[str, list[Reason]] = {}
    steps_of: dict[str, list[StepRun]] = {}
    for step in steps:
        steps_of.setdefault(step.stage_id, []).append(step)
    for stage in stages:
        own = steps_of.get(stage.id, [])
        of_stages[stage.id] = _of_stage(run, stage, stages, own, facts)
        before_opening = of_stages[stage.id] if stage.opened_at is None else ()
        of_steps.update((step.id, _of_step(step, before_opening, facts)) for step in own)
    if run.completed_at is not None:
        return Reasons([], of_stages, of_steps)
    # The stages before it were skipped or, in a rerun, reused.
    due = next((stage for stage in stages if stage.completed_at is None), stages[-1])
    starting = [_starting(run.created_at)] if run.status == PENDING else []
    return Reasons(of_stages[due.id] or starting, of_stages, of_steps)


def _of_stage(
    run: Run,
    stage: StageRun,
    stages: Sequence[StageRun],
    steps: Sequence[StepRun],
    facts: Facts,
) -> list[Reason]:
    """Explain why a stage has not started, or is stuck. steps: those of the stage."""
    if stage.completed_at is not None:
        return []
    if stage.opened_at is None:
        before = _before_opening(run, stage, stages)
        if run.admitted:
            return [before]
        # The first stage can already be approved: the reason that a person can end comes first.
        return [*([before] if before["code"] == "approval" else []), _not_admitted(run, facts)]
    is_at_work = any(step.status == RUNNING and not _stuck(step, facts) for step in steps)
    found = _once_each(reason for step in steps for reason in _of_step(step, [], facts))
    if stage.status == PENDING:
        # The steps were read a moment later, and may have started meanwhile.
        return found or [_starting(stage.opened_at)]
    return [] if is_at_work else found


def _once_each(reasons: Iterable[Reason]) -> list[Reason]:
    found: dict[str, Reason] = {}
    for reason in reasons:
        found.setdefault(reason["code"], reason)
    return list(found.values())


def _not_admitted(run: Run, facts: Facts) -> Reason:
    others = ", ".join(facts.running_before) or "another run"
    message = f"Waiting for {others}: the workflow's concurrency limit is reached."
    return _reason("concurrency_limit", message, run.created_at)


def _before_opening(run: Run, stage: StageRun, stages: Sequence[StageRun]) -> Reason:
    earlier = [s for s in stages if s.position < stage.position]
    unfinished = [s.name for s in earlier if s.completed_at is None]
    if unfinished:
        message = f"Waiting for the stage {unfinished[0]} to finish."
        return _reason("earlier_stage", message, run.created_at)
    if stage.approval is not None and stage.decision is None:
        roles = list(stage.approval.get("roles") or [SUPER_USER])
        since = max((s.completed_at for s in earlier), default=run.created_at)
        message = f"Waiting for approval by the role {' or '.join(roles)}."
        return _reason("approval", message, since, who=roles)
    return _starting(run.created_at)


def _of_step(step: StepRun, before_opening: Sequence[Reason], facts: Facts) -> list[Reason]:
    """Explain why a step does not run, or is stuck. before_opening: the reasons of its stage."""
    if step.status == RUNNING:
        return _stuck(step, facts)
    if step.status != PENDING:
        return []
    if step.ready_at is None:
        return list(before_opening) or [_starting(facts.at)]
    if step.is_outside:
        return [
            _reason(
                "outside_completion",
                "Waiting for external completion.",
                step.ready_at,
                until=step.ready_at + step.timeout_seconds * 1000,
                who=[SUPER_USER],
            )
        ]
    return _waiting_for_a_worker(step, facts)


def _stuck(step: StepRun, facts: Facts) -> list[Reason]:
    """Return a reason if its worker is silent: it should have renewed the lease several times."""
    lease_until = step.lease_until
    if lease_until is None or lease_until > facts.at + facts.silence_ms:
        return []
    silent = f"The worker {step.worker} is not responding."
    if lease_until <= facts.at:
        message = f"{silent} The step is being taken back."
        return [_reason("worker_lost", message, lease_until)]
    message = f"{silent} The step will be taken back when its lease ends."
    return [_reason("worker_lost", message, lease_until - 2 * facts.silence_ms, until=lease_until)]


def _waiting_for_a_worker(step: StepRun, facts: Facts) -> list[Reason]:
    reasons = []
    since = step.ready_at
    if not facts.redis_answers:
        message = "Redis is unreachable. The step starts when Redis is back."
        reasons.append(_reason("redis_unreachable", message, since))
    if not facts.listeners.get(step.queue):
        message = f"No worker listens to the queue {step.queue}."
        reasons.append(_reason("no_worker", message, since))
    if step.queue in facts.closed:
        message = (
            f"The disks of all workers of the queue {step.queue} are nearly full. Free some space "
            "to start runs there (docs/operating.md)."
        )
        reasons.append(_reason("disk_full", message, since, who=[SYSTEM_ADMIN]))
    if step.lock_key in facts.holders:
        message = f"{facts.holders[step.lock_key]} is deploying to the same environment."
        reasons.append(_reason("environment_busy", message, since))
    if not reasons:
        ahead = facts.ahead.get(step.id, 0)
        place = f"Place {ahead + 1}" if ahead else "Next"
        reasons.append(_reason("queue_position", f"{place} in the queue {step.queue}.", since))
    return reasons


def _starting(since: int) -> Reason:
    return _reason("starting", "Starting soon.", since)


def _reason(
    code: str,
    message: str,
    since: int,
    *,
    until: int | None = None,
    who: Sequence[str] = (),
) -> Reason:
    return {"code": code, "message": message, "since": since, "until": until, "who": list(who)}

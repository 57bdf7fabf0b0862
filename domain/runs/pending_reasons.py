"""Why something is not running yet: every reason there is, from plain facts.

A reason is `{"code", "message", "since", "until", "who"}`; times are epoch milliseconds here, `who`
names the roles that can end the wait. Pending without a reason is a defect, so the last resort of
each function is a reason as well.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.accounts.access import SUPER_USER, SYSTEM_ADMIN
from domain.clock import now
from domain.models import Run, StageRun, Statement, StepRun, given
from domain.statuses import PENDING, RUNNING
from domain.system.heartbeats import listeners, queues_without_room

Reason = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What lies outside a run but decides when it goes on."""

    at: int
    redis_answers: bool = True
    silence_ms: int = 0
    """How much of its lease a running step has left, or less, if its worker fell silent."""
    listeners: Mapping[str, int] = field(default_factory=dict)
    """Queue → how many workers listen to it."""
    closed: Collection[str] = ()
    """Queues whose workers have no room on their disks to begin this run, which has not begun."""
    ahead: Mapping[str, int] = field(default_factory=dict)
    """Ready step → how many ready steps of its queue are older."""
    holders: Mapping[str, str] = field(default_factory=dict)
    """Lock → the name of the running step that holds it, with its run's number."""
    running_before: Sequence[str] = ()
    """Runs of the same workflow that use up its concurrency limit, as "#12"."""


@dataclass(frozen=True)
class Reasons:
    """All of a run: its own, and by their ids those of its stages and steps. Empty: none waits."""

    run: list[Reason]
    stages: dict[str, list[Reason]]
    steps: dict[str, list[Reason]]

    def __iter__(self) -> Iterator[Reason]:
        for reasons in (self.run, *self.stages.values(), *self.steps.values()):
            yield from reasons


def silence(lease_seconds: float) -> int:
    """`World.silence_ms` for leases of that length: a worker renews them far earlier than this."""
    return int(lease_seconds * 1000 / 2)


def look_around(
    run: Run, steps: Sequence[StepRun], *, redis_answers: bool, silence_ms: int
) -> World:
    """Ask the database for the facts that concern this run's waiting steps."""
    at = now()
    ready = [s for s in steps if s.status == PENDING and s.ready_at is not None]
    locks = [s.lock_key for s in ready if s.lock_key]
    return World(
        at=at,
        redis_answers=redis_answers,
        silence_ms=silence_ms,
        listeners=listeners(at) if ready else {},
        closed=queues_without_room(at) if ready and run.status == PENDING else (),
        ahead=_count_ahead(ready),
        holders=_holders(locks) if locks else {},
        running_before=[] if run.admitted else _holding_back(run),
    )


def _count_ahead(ready: Sequence[StepRun]) -> dict[str, int]:
    """Steps that became ready together, as those of a stage do, are counted together."""
    moments = {(step.queue, step.ready_at) for step in ready if not step.is_outside}
    older = {(queue, moment): _count_older(queue, moment) for queue, moment in moments}
    return {step.id: older.get((step.queue, step.ready_at), 0) for step in ready}


def _count_older(queue: str, moment: int) -> int:
    older = StepRun.select().where(
        (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
        & (StepRun.queue == queue)
        & (StepRun.ready_at < moment)
        & ~StepRun.is_outside
    )
    return int(older.count())


def _holders(locks: Sequence[str]) -> dict[str, str]:
    held = (
        StepRun.select(StepRun.lock_key, StepRun.name, Run.number)
        .join(Run)
        .where((StepRun.status == RUNNING) & StepRun.lock_key.in_(locks))
    )
    return {s.lock_key: f"{s.name} of run #{s.run.number}" for s in list(held)}


def _holding_back(run: Run) -> list[str]:
    others = (
        Run.select(Run.number)
        .where((Run.workflow == run.workflow_id) & Run.completed_at.is_null() & Run.admitted)
        .order_by(Run.number)
    )
    return [f"#{other.number}" for other in list(others)]


_UNSEEN = Statement(
    lambda: (
        StepRun.select(StepRun.id)
        .where(
            (StepRun.run == given("run_id"))
            & (
                (
                    (StepRun.status == PENDING)
                    & StepRun.ready_at.is_null(False)
                    & ~StepRun.is_outside
                )
                | ((StepRun.status == RUNNING) & (StepRun.lease_until <= given("soon")))
            )
        )
        .limit(1)
    )
)


def may_change_unseen(run: Run, *, silence_ms: int) -> bool:
    """Whether the reasons can change without anything happening to the run, so without a version.

    True while it waits for what other runs and workers do, or has a worker that fell silent.
    """
    if run.completed_at is not None:
        return False
    if not run.admitted:
        return True
    return _UNSEEN.row(run_id=run.id, soon=now() + silence_ms) is not None


# ---- pure from here on -----------------------------------------------------------------------


def explain(
    run: Run, stages: Sequence[StageRun], steps: Sequence[StepRun], world: World
) -> Reasons:
    """Why anything in the run does not go on: whatever is Pending, and what is stuck.

    Stuck is a step whose worker fell silent, and what has begun, but has nothing at work: a run
    before a stage that somebody has to approve, a stage whose other steps wait for a worker.
    """
    of_stages: dict[str, list[Reason]] = {}
    of_steps: dict[str, list[Reason]] = {}
    steps_of: dict[str, list[StepRun]] = {}
    for step in steps:
        steps_of.setdefault(step.stage_id, []).append(step)
    for stage in stages:
        own = steps_of.get(stage.id, [])
        of_stages[stage.id] = _of_stage(run, stage, stages, own, world)
        before_opening = of_stages[stage.id] if stage.opened_at is None else ()
        of_steps.update((step.id, _of_step(step, before_opening, world)) for step in own)
    if run.completed_at is not None:
        return Reasons([], of_stages, of_steps)
    # Those before it were skipped or, in a rerun, kept.
    due = next((stage for stage in stages if stage.completed_at is None), stages[-1])
    starting = [_reason("starting", "It is about to start.", run.created_at)]
    of_run = of_stages[due.id] or (starting if run.status == PENDING else [])
    return Reasons(of_run, of_stages, of_steps)


def _of_stage(
    run: Run,
    stage: StageRun,
    stages: Sequence[StageRun],
    steps: Sequence[StepRun],
    world: World,
) -> list[Reason]:
    """Why a stage has not started, or does not go on. steps: those of the stage."""
    if stage.completed_at is not None:
        return []
    if stage.opened_at is None:
        before = _before_opening(run, stage, stages)
        if run.admitted:
            return [before]
        # The first stage can be approved meanwhile: what a person can do comes first.
        return [*([before] if before["code"] == "approval" else []), _held_back(run, world)]
    is_at_work = any(step.status == RUNNING and not _stuck(step, world) for step in steps)
    found = _once_each(reason for step in steps for reason in _of_step(step, [], world))
    if stage.status == PENDING:
        # The steps were read a moment later, and may have begun meanwhile.
        return found or [_reason("starting", "It is about to start.", stage.opened_at)]
    return [] if is_at_work else found


def _once_each(reasons: Iterable[Reason]) -> list[Reason]:
    """The first of every code."""
    found: dict[str, Reason] = {}
    for reason in reasons:
        found.setdefault(reason["code"], reason)
    return list(found.values())


def _held_back(run: Run, world: World) -> Reason:
    held_by = ", ".join(world.running_before) or "another run"
    return _reason(
        "concurrency_limit",
        f"The workflow's concurrency limit is used up by {held_by}.",
        run.created_at,
    )


def _before_opening(run: Run, stage: StageRun, stages: Sequence[StageRun]) -> Reason:
    before = [s for s in stages if s.position < stage.position and s.completed_at is None]
    if before:
        return _reason(
            "earlier_stage", f"It starts after the stage {before[0].name}.", run.created_at
        )
    if stage.approval is not None and stage.decision is None:
        roles = list(stage.approval.get("roles") or [SUPER_USER])
        ended = [s.completed_at for s in stages if s.position < stage.position]
        return _reason(
            "approval",
            f"It waits for somebody with the role {' or '.join(roles)} to approve it.",
            max(ended, default=run.created_at),
            who=roles,
        )
    return _reason("starting", "It is about to start.", run.created_at)


def _of_step(step: StepRun, before_opening: Sequence[Reason], world: World) -> list[Reason]:
    """Why a step does not run, or that it is stuck. before_opening: why its stage is closed."""
    if step.status == RUNNING:
        return _stuck(step, world)
    if step.status != PENDING:
        return []
    if step.ready_at is None:
        return list(before_opening) or [_reason("starting", "It is about to start.", world.at)]
    if step.is_outside:
        return [
            _reason(
                "outside_completion",
                "It waits for `complete` from outside.",
                step.ready_at,
                until=step.ready_at + step.timeout_seconds * 1000,
                who=[SUPER_USER],
            )
        ]
    return _waiting_for_a_worker(step, world)


def _stuck(step: StepRun, world: World) -> list[Reason]:
    """Whether its worker has not renewed the lease for a time in which it does so several times."""
    lease_until = step.lease_until
    if lease_until is None or lease_until > world.at + world.silence_ms:
        return []
    silent = f"Its worker {step.worker} has not been heard of"
    if lease_until <= world.at:
        message = f"{silent}; the step is being taken back."
        return [_reason("worker_lost", message, lease_until)]
    message = f"{silent} lately. If it stays silent, the step is taken back when its lease ends."
    return [_reason("worker_lost", message, lease_until - 2 * world.silence_ms, until=lease_until)]


def _waiting_for_a_worker(step: StepRun, world: World) -> list[Reason]:
    reasons = []
    since = step.ready_at
    if not world.redis_answers:
        message = "Redis is out of reach; the step starts when it is back."
        reasons.append(_reason("redis_unreachable", message, since))
    if not world.listeners.get(step.queue):
        message = f"No worker listens to the queue {step.queue}."
        reasons.append(_reason("no_worker", message, since))
    if step.queue in world.closed:
        message = (
            f"The disks of all workers of the queue {step.queue} are nearly full, so no run begins "
            "there. Free some space (docs/operating.md): then it begins by itself."
        )
        reasons.append(_reason("disk_full", message, since, who=[SYSTEM_ADMIN]))
    if step.lock_key in world.holders:
        message = f"{world.holders[step.lock_key]} deploys to the same environment."
        reasons.append(_reason("environment_busy", message, since))
    if not reasons:
        ahead = world.ahead.get(step.id, 0)
        place = "It is next" if ahead == 0 else f"{ahead} more are ahead of it"
        message = f"{place} in the queue {step.queue}."
        reasons.append(_reason("queue_position", message, since))
    return reasons


def _reason(
    code: str,
    message: str,
    since: int,
    *,
    until: int | None = None,
    who: Sequence[str] = (),
) -> Reason:
    return {"code": code, "message": message, "since": since, "until": until, "who": list(who)}

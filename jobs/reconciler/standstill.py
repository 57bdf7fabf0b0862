"""Repairs of runs that stand still: steps without a message, moves that were not made."""

import logging
from collections.abc import Collection, Iterable, Iterator

from redis import RedisError

from domain import engine
from domain.clock import now
from domain.engine import Ready
from domain.models import Run, StepRun, write
from domain.statuses import PENDING
from domain.system.heartbeats import queues_short_of_room
from jobs.queue import message_id
from jobs.reconciler.context import JUMP_MS, Context

log = logging.getLogger(__name__)

RING_AGAIN_MS = 2_000


def enqueue_again(context: Context) -> None:
    """Enqueue steps that no worker took for a while and whose message is not in its queue.

    Where a worker has no room on its disk, messages for new runs are lost on it. So there is one at
    a time for all of them, until it wakes a worker with room, which then takes the others as well.
    """
    overdue = _overdue()
    if not overdue:
        return
    try:
        waiting = {
            queue: set(context.doorbell.waiting_messages(queue))
            for queue in {step.queue for step in overdue}
        }
    except RedisError as error:
        log.warning("cannot enqueue again: %s", error)
        return
    missing = [step for step in overdue if message_id(Ready.of(step)) not in waiting[step.queue]]
    awaited = [queue for queue, messages in waiting.items() if messages]
    for step in _worth_a_message(missing, queues_short_of_room(now()), awaited):
        _enqueue(step)


def _overdue() -> list[StepRun]:
    """Return ready steps that were enqueued long ago, or in the future: the clock was set back."""
    at = now()
    is_recent = StepRun.rung_at.between(at - RING_AGAIN_MS, at + JUMP_MS)
    return list(
        StepRun.select(StepRun, Run.status)
        .join(Run)
        .where(
            (StepRun.status == PENDING)
            & StepRun.ready_at.is_null(False)
            & ~is_recent
            & ~StepRun.is_outside
        )
        .order_by(StepRun.ready_at, StepRun.id)
    )


def _worth_a_message(
    steps: Iterable[StepRun], short: Collection[str], awaited: Iterable[str]
) -> Iterator[StepRun]:
    """Yield all steps but those of new runs in queues short of room, except the first of each.

    awaited: queues that hold a message, which wakes a worker as well as another one would.
    """
    done = set(awaited)
    for step in steps:
        if step.run.status == PENDING and step.queue in short:
            if step.queue in done:
                continue
            done.add(step.queue)
        yield step


def _enqueue(step: StepRun) -> None:
    """Announce the step with a new bell number, because RQ rejects the id of a lost message."""
    with write():
        is_unchanged = (
            (StepRun.id == step.id)
            & (StepRun.attempt == step.attempt)
            & (StepRun.bell == step.bell)
            & (StepRun.status == PENDING)
        )
        step.bell += 1
        if StepRun.update(bell=step.bell, rung_at=now()).where(is_unchanged).execute():
            engine.announce([Ready.of(step)])


def admit_held_back(context: Context) -> None:
    """Admit runs after a limit was raised, or a process died before it admitted them."""
    held = Run.select(Run.workflow).where(Run.completed_at.is_null() & ~Run.admitted).distinct()
    for run in list(held):
        engine.admit(run.workflow_id)


def advance_idle(context: Context) -> None:
    """Advance runs whose present stage has nothing left to do."""
    for run in list(Run.select(Run.id).where(engine.rests())):
        engine.advance(run.id)


def end_overdue_completions(context: Context) -> None:
    overdue = StepRun.select(StepRun.id).where(
        (StepRun.status == PENDING)
        & StepRun.is_outside
        & (StepRun.ready_at + StepRun.timeout_seconds * 1000 <= now())
    )
    for step in list(overdue):
        engine.expire_external(step.id)

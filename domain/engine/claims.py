"""Taking a step and keeping it: the lease and its token."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from peewee import IntegrityError

from domain.clock import now
from domain.engine.advance import mark_started
from domain.engine.types import Claim, LeaseLost
from domain.models import Attempt, Run, StepRun, given, new_id, write
from domain.models.statements import Statement
from domain.statuses import PENDING, RUNNING


def _run_goes_on() -> Any:
    """What is over stays over, even where somebody has set a step of it back to Pending.

    A scalar: of an EXISTS PostgreSQL makes a join, and planning that costs more than running it.
    """
    return Run.select(Run.completed_at.is_null()).where(Run.id == StepRun.run)


_TAKE = Statement(
    lambda: StepRun.update(
        status=RUNNING,
        worker=given("worker"),
        lease_token=given("token"),
        lease_until=given("lease_until"),
        started_at=given("at"),
        message="",
        exit_code=None,
    ).where(
        (StepRun.id == given("step_id"))
        & (StepRun.attempt == given("attempt"))
        & (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
        & ~StepRun.is_outside
        & _run_goes_on()
    )
)
_NEW_ATTEMPT = Statement(
    lambda: Attempt.insert(
        id=given("id"),
        step=given("step_id"),
        number=given("attempt"),
        status=RUNNING,
        worker=given("worker"),
        host=given("host"),
        started_at=given("at"),
        message="",
        log_size=0,
    )
)
_OLDEST = Statement(lambda: _oldest(StepRun.select(StepRun.id, StepRun.attempt)))
_OLDEST_OF_BEGUN_RUNS = Statement(
    lambda: _oldest(
        StepRun.select(StepRun.id, StepRun.attempt).join(Run).where(Run.status != PENDING)
    )
)
_PLACE = Statement(
    lambda: StepRun.select(StepRun.run, StepRun.stage).where(StepRun.id == given("step_id"))
)
_HAS_BEGUN = Statement(
    lambda: Run.select(Run.id).where((Run.id == given("run_id")) & (Run.status != PENDING))
)


def _oldest(steps: Any) -> Any:
    return (
        steps.where(
            (StepRun.status == PENDING)
            & StepRun.ready_at.is_null(False)
            & (StepRun.queue == given("queue"))
            & ~StepRun.is_outside
            & _run_goes_on()
            & (StepRun.lock_key.is_null() | StepRun.lock_key.not_in(_held_locks()))
        )
        .order_by(StepRun.ready_at, StepRun.id)
        .limit(1)
    )


def _held_locks() -> Any:
    running = StepRun.alias()
    return running.select(running.lock_key).where(
        (running.status == RUNNING) & running.lock_key.is_null(False)
    )


def oldest_ready(queue: str, *, new_runs: bool = True) -> tuple[str, int] | None:
    """The step (id, attempt) of the queue that has waited longest and could be taken now.

    new_runs: also of a run that has not begun yet.
    """
    row = (_OLDEST if new_runs else _OLDEST_OF_BEGUN_RUNS).row(queue=queue)
    return (row[0], row[1]) if row else None


def claim(
    step_id: str, attempt: int, *, worker: str, host: str, lease_ms: int, new_runs: bool = True
) -> Claim | None:
    """Take a ready step. None: a duplicate or late delivery, or another step holds its lock.

    new_runs: also of a run that has not begun yet; else None for that, too.
    """
    place = _PLACE.row(step_id=step_id)
    if place is None:
        return None
    run_id, stage_id = place
    if not new_runs and _HAS_BEGUN.row(run_id=run_id) is None:
        return None
    mine = Claim(step_id, run_id, attempt, secrets.token_hex(16))
    at = now()
    common = {"step_id": step_id, "attempt": attempt, "worker": worker, "at": at}
    try:
        with write(run_id):
            if not _TAKE.change(token=mine.token, lease_until=at + lease_ms, **common):
                return None
            _NEW_ATTEMPT.change(id=new_id(), host=host, **common)
            mark_started(run_id, stage_id, at)
    except IntegrityError:
        return None  # its lock is held; whoever holds it rings for us at its end
    return mine


def is_mine(step_id: Any, token: Any) -> Any:
    """The condition of every write of a worker. A lease of 0 was ended for good: `end_lease`."""
    return (
        (StepRun.id == step_id)
        & (StepRun.lease_token == token)
        & (StepRun.status == RUNNING)
        & (StepRun.lease_until > 0)
    )


def beat(held: Claim, *, lease_ms: int, log_size: int) -> str:
    """Keep the lease. Answers `ok`, `cancel` (somebody asked to stop it) or `lost`."""
    with write():
        rows = list(
            StepRun.update(lease_until=now() + lease_ms, log_size=log_size)
            .where(is_mine(held.step_id, held.token))
            .returning(StepRun.cancel_requested)
            .execute()
        )
    if not rows:
        return "lost"
    return "cancel" if rows[0].cancel_requested else "ok"


@contextlib.contextmanager
def owned(held: Claim) -> Iterator[None]:
    """A transaction of the worker that holds the step. Raises LeaseLost when it no longer does."""
    with write(held.run_id):
        mine = is_mine(held.step_id, held.token)
        if not StepRun.select(StepRun.id).where(mine).exists():
            raise LeaseLost(held.step_id)
        yield

"""Claims: a worker takes a step and holds it by a lease and a token."""

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
    """Refuse steps of a run that has ended, even if one was set back to Pending by hand.

    A scalar, because PostgreSQL turns EXISTS into a join that costs more to plan than to run.
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
    """Return the step (id, attempt) of the queue that has waited longest and may be taken now.

    new_runs: False leaves out runs that have not begun.
    """
    row = (_OLDEST if new_runs else _OLDEST_OF_BEGUN_RUNS).row(queue=queue)
    return (row[0], row[1]) if row else None


def claim(
    step_id: str, attempt: int, *, worker: str, host: str, lease_ms: int, new_runs: bool = True
) -> Claim | None:
    """Take a ready step, or return None: the message is old, or another step holds the lock.

    new_runs: False refuses the step of a run that has not begun.
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
        return None  # another step holds the lock, and its end announces this one
    return mine


def is_mine(step_id: Any, token: Any) -> Any:
    """Return the condition of every write of a worker. `end_lease` ends a lease by setting 0."""
    return (
        (StepRun.id == step_id)
        & (StepRun.lease_token == token)
        & (StepRun.status == RUNNING)
        & (StepRun.lease_until > 0)
    )


def beat(held: Claim, *, lease_ms: int, log_size: int) -> str:
    """Renew the lease and return `ok`, `abort` (a person asked for it) or `lost`."""
    with write():
        rows = list(
            StepRun.update(lease_until=now() + lease_ms, log_size=log_size)
            .where(is_mine(held.step_id, held.token))
            .returning(StepRun.cancel_requested)
            .execute()
        )
    if not rows:
        return "lost"
    return "abort" if rows[0].cancel_requested else "ok"


@contextlib.contextmanager
def owned(held: Claim) -> Iterator[None]:
    """Open a transaction for the worker that holds the step. Raises LeaseLost."""
    with write(held.run_id):
        mine = is_mine(held.step_id, held.token)
        if not StepRun.select(StepRun.id).where(mine).exists():
            raise LeaseLost(held.step_id)
        yield

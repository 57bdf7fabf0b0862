"""The end of an attempt: finished, given back, or taken from a worker that is gone."""

from typing import Any

from domain.clock import now
from domain.engine.advance import admit_after, advance_in_transaction, as_ready, touch
from domain.engine.claims import is_mine
from domain.engine.types import Claim, Ending, LeaseLost, Ready, StepFailed
from domain.models import Attempt, StepRun, write
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING

MAX_ATTEMPTS = 10
"""A step whose workers keep dying ends here instead of killing workers for ever."""


def finish(held: Claim, ending: Ending) -> list[Ready]:
    """End the attempt, record what it made, and move the run on: all or nothing.

    `ending.record` adds rows (a release, test results, …) and returns further columns of the step.
    If it raises StepFailed, everything is rolled back and the step ends as Failed with that
    message. A failed script is tried again while the step has retries left. Raises LeaseLost.
    Returns the steps that became ready.
    """
    try:
        ready = _finish(held, ending)
    except StepFailed as failure:
        ready = _finish(held, Ending(FAILED, str(failure), ending.exit_code, ending.log_size))
    return ready + admit_after(held.run_id)


def _finish(held: Claim, ending: Ending) -> list[Ready]:
    with write(held.run_id):
        step = StepRun.get_or_none(is_mine(held))
        if step is None:
            raise LeaseLost(held.step_id)
        extra = ending.record() if ending.record else {}
        if ending.status == FAILED and step.retries > 0 and not step.cancel_requested:
            left = step.retries - 1
            message = f"{ending.message} Trying again ({left} more after this)."
            return _try_again(step, ending, message, {"retries": left})
        _end_step(step, ending, extra)
        return _waiters(step) + advance_in_transaction(held.run_id)


def give_back(held: Claim, message: str, log_size: int) -> list[Ready]:
    """Return a step that its worker cannot finish because it is being stopped. Raises LeaseLost.

    A Deploy fails instead: nobody knows how far it got, and it is never repeated by itself.
    """
    with write(held.run_id):
        step = StepRun.get_or_none(is_mine(held))
        if step is None:
            raise LeaseLost(held.step_id)
        ready = _after_lost_attempt(step, message, log_size)
    return ready + admit_after(held.run_id)


def expire(step_id: str, lease_token: str, message: str, log_size: int) -> list[Ready]:
    """Take a step from a worker whose lease is over. Does nothing when the worker came back."""
    run_id = StepRun.select(StepRun.run).where(StepRun.id == step_id).scalar()
    with write(run_id):
        step = StepRun.get_or_none(
            (StepRun.id == step_id)
            & (StepRun.status == RUNNING)
            & (StepRun.lease_token == lease_token)
            & (StepRun.lease_until < now())
        )
        ready = _after_lost_attempt(step, message, log_size) if step else []
    return ready + admit_after(run_id)


def expire_leases_of(worker: str) -> int:
    """A worker is known to be dead: let its leases end now instead of in some seconds."""
    with write():
        return int(
            StepRun.update(lease_until=0)
            .where((StepRun.worker == worker) & (StepRun.status == RUNNING))
            .execute()
        )


def _after_lost_attempt(step: StepRun, message: str, log_size: int) -> list[Ready]:
    if step.cancel_requested:
        ending = Ending(CANCELLED, "Stopped on request.", None, log_size)
    elif step.type == "Deploy":
        ending = Ending(FAILED, f"Outcome unknown: {message}", None, log_size)
    elif step.attempt >= MAX_ATTEMPTS:
        ending = Ending(
            FAILED, f"{message} Given up after {MAX_ATTEMPTS} attempts.", None, log_size
        )
    else:
        return _try_again(step, Ending(FAILED, message, None, log_size), message, {})
    _end_step(step, ending, {})
    return _waiters(step) + advance_in_transaction(step.run_id)


def _try_again(step: StepRun, ending: Ending, message: str, extra: dict[str, Any]) -> list[Ready]:
    at = now()
    _end_attempt(step, ending, at)
    StepRun.update(
        status=PENDING,
        attempt=step.attempt + 1,
        bell=0,
        ready_at=at,
        rung_at=at,
        worker=None,
        lease_token=None,
        lease_until=None,
        started_at=None,
        message=message,
        log_size=0,
        **extra,
    ).where(StepRun.id == step.id).execute()
    touch(step.run_id)
    return [Ready(step.id, step.attempt + 1, 0, step.queue), *_waiters(step)]


def _end_step(step: StepRun, ending: Ending, extra: dict[str, Any]) -> None:
    at = now()
    _end_attempt(step, ending, at)
    StepRun.update(
        status=ending.status,
        message=ending.message,
        exit_code=ending.exit_code,
        completed_at=at,
        lease_token=None,
        lease_until=None,
        log_size=ending.log_size,
        **extra,
    ).where(StepRun.id == step.id).execute()
    touch(step.run_id)


def _end_attempt(step: StepRun, ending: Ending, at: int) -> None:
    Attempt.update(
        status=ending.status,
        completed_at=at,
        exit_code=ending.exit_code,
        message=ending.message,
        log_size=ending.log_size,
    ).where((Attempt.step == step.id) & (Attempt.number == step.attempt)).execute()


def _waiters(step: StepRun) -> list[Ready]:
    """Steps that could not be taken because this one held their lock."""
    if step.lock_key is None:
        return []
    return as_ready(
        StepRun.select().where(
            (StepRun.lock_key == step.lock_key)
            & (StepRun.status == PENDING)
            & StepRun.ready_at.is_null(False)
        )
    )

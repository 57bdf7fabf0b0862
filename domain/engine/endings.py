"""The end of an attempt: finished, given back, or taken from a worker that is gone."""

from typing import Any, NamedTuple

from domain import statuses
from domain.clock import now
from domain.engine import deployments
from domain.engine.advance import admit_after, advance_in_transaction
from domain.engine.claims import is_mine
from domain.engine.types import Claim, Ending, LeaseLost, Ready
from domain.errors import StepFailed
from domain.models import Attempt, StepRun, given, write
from domain.models.run_facts import touch
from domain.models.statements import Statement
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING

MAX_ATTEMPTS = 10
"""A step whose workers keep dying ends here instead of killing workers for ever."""


class _Step(NamedTuple):
    """What has to be known of a step to end one of its attempts."""

    id: str
    run_id: str
    type: str
    queue: str
    attempt: int
    retries: int
    cancel_requested: bool
    lock_key: str | None
    deployment_id: str | None


def _select() -> Any:
    return StepRun.select(
        StepRun.id,
        StepRun.run,
        StepRun.type,
        StepRun.queue,
        StepRun.attempt,
        StepRun.retries,
        StepRun.cancel_requested,
        StepRun.lock_key,
        StepRun.deployment_id,
    )


_MINE = Statement(lambda: _select().where(is_mine(given("step_id"), given("token"))))
_LOST = Statement(
    lambda: _select().where(
        (StepRun.id == given("step_id"))
        & (StepRun.lease_token == given("token"))
        & (StepRun.status == RUNNING)
        & (StepRun.lease_until == 0)
    )
)
_END_STEP = Statement(
    lambda: StepRun.update(
        status=given("status"),
        message=given("message"),
        exit_code=given("exit_code"),
        completed_at=given("at"),
        lease_token=None,
        lease_until=None,
        log_size=given("log_size"),
    ).where(StepRun.id == given("step_id"))
)
_END_ATTEMPT = Statement(
    lambda: Attempt.update(
        status=given("status"),
        message=given("message"),
        exit_code=given("exit_code"),
        completed_at=given("at"),
        log_size=given("log_size"),
    ).where((Attempt.step == given("step_id")) & (Attempt.number == given("attempt")))
)


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
        step = _held_step(held)
        extra = ending.record() if ending.record else {}
        if _may_be_tried_again(step, ending):
            left = step.retries - 1
            message = f"{ending.message} Trying again ({left} more after this)."
            return _try_again(step, ending, message, {"retries": left})
        _end_step(step, ending, extra)
        return _waiters(step) + advance_in_transaction(held.run_id)


def _may_be_tried_again(step: _Step, ending: Ending) -> bool:
    is_retried = ending.status == FAILED and not ending.is_final
    return is_retried and step.retries > 0 and not step.cancel_requested


def _held_step(held: Claim) -> _Step:
    """Raises LeaseLost."""
    row = _MINE.row(step_id=held.step_id, token=held.token)
    if row is None:
        raise LeaseLost(held.step_id)
    return _Step(*row)


def give_back(held: Claim, message: str, log_size: int) -> list[Ready]:
    """Return a step that its worker cannot finish because it is being stopped. Raises LeaseLost.

    A Deploy fails instead: it is never repeated by itself.
    """
    with write(held.run_id):
        step = _held_step(held)
        ready = _after_lost_attempt(step, message, log_size)
    return ready + admit_after(held.run_id)


def expire(step_id: str, lease_token: str, message: str, log_size: int) -> list[Ready]:
    """Take a step from a worker whose lease was ended. Does nothing if that has been done."""
    run_id = StepRun.select(StepRun.run).where(StepRun.id == step_id).scalar()
    with write(run_id):
        row = _LOST.row(step_id=step_id, token=lease_token)
        ready = _after_lost_attempt(_Step(*row), message, log_size) if row else []
    return ready + admit_after(run_id)


def end_lease(step_id: str, lease_token: str) -> bool:
    """End a lease that is over, for good. False: the worker has renewed it, or it was ended.

    From here on the worker can write nothing more, so what it runs may be killed: `expire` it then.
    """
    with write():
        over = is_mine(step_id, lease_token) & (StepRun.lease_until < now())
        return bool(StepRun.update(lease_until=0).where(over).execute())


def end_leases_of(worker: str) -> int:
    """The same for all steps of a worker that is known to be dead, however long they last."""
    with write():
        return int(
            StepRun.update(lease_until=0)
            .where((StepRun.worker == worker) & (StepRun.status == RUNNING))
            .execute()
        )


def _after_lost_attempt(step: _Step, message: str, log_size: int) -> list[Ready]:
    extra = {}
    if step.deployment_id is not None:  # whoever asked to stop it: nobody knows how far it got
        ending = Ending(FAILED, f"Outcome unknown: {message}", None, log_size)
        extra = {"outside_effect": statuses.UNKNOWN}
    elif step.cancel_requested:
        ending = Ending(CANCELLED, "Stopped on request.", None, log_size)
    elif step.type == "Deploy":
        ending = Ending(FAILED, f"{message} Nothing was deployed yet.", None, log_size)
    elif step.attempt >= MAX_ATTEMPTS:
        ending = Ending(
            FAILED, f"{message} Given up after {MAX_ATTEMPTS} attempts.", None, log_size
        )
    else:
        return _try_again(step, Ending(FAILED, message, None, log_size), message, {})
    _end_step(step, ending, extra)
    return _waiters(step) + advance_in_transaction(step.run_id)


def _try_again(step: _Step, ending: Ending, message: str, extra: dict[str, Any]) -> list[Ready]:
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


def _end_step(step: _Step, ending: Ending, extra: dict[str, Any]) -> None:
    at = now()
    _end_attempt(step, ending, at)
    _END_STEP.change(step_id=step.id, **_columns(ending, at))
    if extra:
        StepRun.update(**extra).where(StepRun.id == step.id).execute()
    if step.type == "Deploy":
        deployments.end(step.id, ending.status, ending.message)
    touch(step.run_id)


def _end_attempt(step: _Step, ending: Ending, at: int) -> None:
    _END_ATTEMPT.change(step_id=step.id, attempt=step.attempt, **_columns(ending, at))


def _columns(ending: Ending, at: int) -> dict[str, Any]:
    return {
        "status": ending.status,
        "message": ending.message,
        "exit_code": ending.exit_code,
        "log_size": ending.log_size,
        "at": at,
    }


def _waiters(step: _Step) -> list[Ready]:
    """Steps that could not be taken because this one held their lock."""
    if step.lock_key is None:
        return []
    rows = StepRun.select(StepRun.id, StepRun.attempt, StepRun.bell, StepRun.queue).where(
        (StepRun.lock_key == step.lock_key)
        & (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
    )
    return [Ready(*row) for row in list(rows.tuples())]

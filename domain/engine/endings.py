"""Ends of an attempt: finished, given back, or taken from a lost worker."""

from typing import Any, NamedTuple

from domain import statuses
from domain.clock import now
from domain.engine import deployments
from domain.engine.advance import advance_in_transaction
from domain.engine.announcements import announce
from domain.engine.claims import is_mine
from domain.engine.types import Claim, Ending, LeaseLost, Ready
from domain.errors import StepFailed
from domain.models import Attempt, StepRun, given, write
from domain.models.run_facts import touch
from domain.models.statements import Statement
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING

MAX_ATTEMPTS = 10
"""A step whose workers keep dying must not go on killing workers forever."""


class _Step(NamedTuple):
    """The columns of a step that are needed to end one of its attempts."""

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
    return StepRun.select(*(getattr(StepRun, name) for name in _Step._fields))


_MINE = Statement(lambda: _select().where(is_mine(given("step_id"), given("token"))))
_LOST = Statement(
    lambda: _select().where(
        (StepRun.id == given("step_id"))
        & (StepRun.lease_token == given("token"))
        & (StepRun.status == RUNNING)
        & (StepRun.lease_until == 0)
    )
)
_END = {
    name: given(name) for name in ("status", "message", "exit_code", "log_size", "completed_at")
}
_END_STEP = Statement(
    lambda: StepRun.update(**_END, lease_token=None, lease_until=None).where(
        StepRun.id == given("step_id")
    )
)
_END_ATTEMPT = Statement(
    lambda: Attempt.update(**_END).where(
        (Attempt.step == given("step_id")) & (Attempt.number == given("attempt"))
    )
)


def finish(held: Claim, ending: Ending) -> None:
    """End the attempt, record what it made, and advance the run: all or nothing.

    `ending.record` adds rows (a release, test results, …) and returns further columns of the step.
    If it raises StepFailed, everything is rolled back and the step ends as Failed with that
    message. A failed script is retried while the step has retries left. Raises LeaseLost.
    """
    try:
        _finish(held, ending)
    except StepFailed as failure:
        _finish(held, Ending(FAILED, str(failure), ending.exit_code, ending.log_size))


def _finish(held: Claim, ending: Ending) -> None:
    with write(held.run_id):
        step = _held_step(held)
        extra = ending.record() if ending.record else {}
        if _may_be_retried(step, ending):
            left = step.retries - 1
            message = f"{ending.message} Trying again ({left} more after this)."
            _retry(step, ending, message, {"retries": left})
        else:
            _end_step(step, ending, extra)


def _may_be_retried(step: _Step, ending: Ending) -> bool:
    is_retried = ending.status == FAILED and not ending.is_final
    return is_retried and step.retries > 0 and not step.cancel_requested


def _held_step(held: Claim) -> _Step:
    """Return the step of the claim. Raises LeaseLost."""
    row = _MINE.row(step_id=held.step_id, token=held.token)
    if row is None:
        raise LeaseLost(held.step_id)
    return _Step(*row)


def give_back(held: Claim, message: str, log_size: int) -> None:
    """Return a step that its worker cannot finish because it is shutting down. Raises LeaseLost.

    A Deploy fails instead: it is never repeated automatically.
    """
    with write(held.run_id):
        _end_lost_attempt(_held_step(held), message, log_size)


def expire(step_id: str, lease_token: str, message: str, log_size: int) -> None:
    """Take a step from a worker whose lease was ended, unless that has been done already."""
    run_id = StepRun.select(StepRun.run).where(StepRun.id == step_id).scalar()
    with write(run_id):
        if row := _LOST.row(step_id=step_id, token=lease_token):
            _end_lost_attempt(_Step(*row), message, log_size)


def end_lease(step_id: str, lease_token: str) -> bool:
    """End an overdue lease for good. False: the worker has renewed it, or it was ended before.

    From then on the worker can write nothing, so its processes may be killed before `expire`.
    """
    with write():
        over = is_mine(step_id, lease_token) & (StepRun.lease_until < now())
        return bool(StepRun.update(lease_until=0).where(over).execute())


def end_leases_of(worker: str) -> int:
    """End all leases of a worker that is known to be dead, and return how many it held."""
    with write():
        return int(
            StepRun.update(lease_until=0)
            .where((StepRun.worker == worker) & (StepRun.status == RUNNING))
            .execute()
        )


def _end_lost_attempt(step: _Step, message: str, log_size: int) -> None:
    extra = {}
    if step.deployment_id is not None:  # aborted or not: it may have happened
        ending = Ending(FAILED, f"Outcome unknown: {message}", None, log_size)
        extra = {"outside_effect": statuses.UNKNOWN}
    elif step.cancel_requested:
        ending = Ending(CANCELLED, "Aborted on request.", None, log_size)
    elif step.type == "Deploy":
        ending = Ending(FAILED, f"{message} Nothing was deployed yet.", None, log_size)
    elif step.attempt >= MAX_ATTEMPTS:
        ending = Ending(
            FAILED, f"{message} Given up after {MAX_ATTEMPTS} attempts.", None, log_size
        )
    else:
        _retry(step, Ending(FAILED, message, None, log_size), message, {})
        return
    _end_step(step, ending, extra)


def _retry(step: _Step, ending: Ending, message: str, extra: dict[str, Any]) -> None:
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
    announce([Ready(step.id, step.attempt + 1, 0, step.queue)])
    _announce_waiters(step)


def _end_step(step: _Step, ending: Ending, extra: dict[str, Any]) -> None:
    end = _end_attempt(step, ending, now())
    _END_STEP.change(step_id=step.id, **end)
    if extra:
        StepRun.update(**extra).where(StepRun.id == step.id).execute()
    if step.type == "Deploy":
        deployments.end(step.id, ending.status, ending.message)
    touch(step.run_id)
    _announce_waiters(step)
    advance_in_transaction(step.run_id)


def _end_attempt(step: _Step, ending: Ending, at: int) -> dict[str, Any]:
    """End the attempt and return the columns that say how."""
    end = {
        "status": ending.status,
        "message": ending.message,
        "exit_code": ending.exit_code,
        "log_size": ending.log_size,
        "completed_at": at,
    }
    _END_ATTEMPT.change(step_id=step.id, attempt=step.attempt, **end)
    return end


def _announce_waiters(step: _Step) -> None:
    """Announce the steps that could not be taken while this one held their lock."""
    if step.lock_key is None:
        return
    rows = StepRun.select(StepRun.id, StepRun.attempt, StepRun.bell, StepRun.queue).where(
        (StepRun.lock_key == step.lock_key)
        & (StepRun.status == PENDING)
        & StepRun.ready_at.is_null(False)
    )
    announce([Ready(*row) for row in list(rows.tuples())])

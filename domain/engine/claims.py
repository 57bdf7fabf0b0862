"""Taking a step and keeping it: the lease and its token."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from peewee import IntegrityError

from domain.clock import now
from domain.engine.advance import mark_started
from domain.engine.types import Claim, LeaseLost
from domain.models import Attempt, StepRun, write
from domain.statuses import PENDING, RUNNING


def claim(step_id: str, attempt: int, *, worker: str, host: str, lease_ms: int) -> Claim | None:
    """Take a ready step. None: a duplicate or late delivery, or another step holds its lock."""
    step = StepRun.get_or_none(StepRun.id == step_id)
    if step is None:
        return None
    mine = Claim(step_id, step.run_id, attempt, secrets.token_hex(16))
    at = now()
    try:
        with write(step.run_id):
            taken = (
                StepRun.update(
                    status=RUNNING,
                    worker=worker,
                    lease_token=mine.token,
                    lease_until=at + lease_ms,
                    started_at=at,
                    message="",
                    exit_code=None,
                )
                .where(
                    (StepRun.id == step_id)
                    & (StepRun.attempt == attempt)
                    & (StepRun.status == PENDING)
                    & StepRun.ready_at.is_null(False)
                    & ~StepRun.is_outside
                )
                .execute()
            )
            if not taken:
                return None
            Attempt.create(
                step=step_id,
                number=attempt,
                status=RUNNING,
                worker=worker,
                host=host,
                started_at=at,
            )
            mark_started(step.run_id, step.stage_id, at)
    except IntegrityError:
        return None  # its lock is held; whoever holds it rings for us at its end
    return mine


def is_mine(held: Claim) -> Any:
    return (
        (StepRun.id == held.step_id)
        & (StepRun.lease_token == held.token)
        & (StepRun.status == RUNNING)
    )


def beat(held: Claim, *, lease_ms: int, log_size: int) -> str:
    """Keep the lease. Answers `ok`, `cancel` (somebody asked to stop it) or `lost`."""
    with write():
        rows = list(
            StepRun.update(lease_until=now() + lease_ms, log_size=log_size)
            .where(is_mine(held))
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
        if not StepRun.select(StepRun.id).where(is_mine(held)).exists():
            raise LeaseLost(held.step_id)
        yield

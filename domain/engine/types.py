"""Values that the engine and its callers exchange."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.models import StepRun


class LeaseLost(Exception):
    """The step no longer belongs to this worker: it was taken over, or it has ended."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on one attempt of a step, valid only while the token matches."""

    step_id: str
    run_id: str
    attempt: int
    token: str


@dataclass(frozen=True)
class Ready:
    """A step that a worker may take now."""

    step_id: str
    attempt: int
    bell: int
    queue: str

    @classmethod
    def of(cls, step: StepRun) -> "Ready":
        return cls(step.id, step.attempt, step.bell, step.queue)


@dataclass(frozen=True)
class AbortRequest:
    """A running step that its worker has to abort."""

    step_id: str
    worker: str


@dataclass(frozen=True)
class Ending:
    """The end of an attempt. `record` runs inside the finishing transaction; see `finish`.

    is_final: the step is not retried, even if retries are left.
    """

    status: str
    message: str = ""
    exit_code: int | None = None
    log_size: int = 0
    record: Callable[[], dict[str, Any]] | None = None
    is_final: bool = False

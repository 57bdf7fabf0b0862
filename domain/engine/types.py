"""What the engine and those who use it hand to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class LeaseLost(Exception):
    """The step is no longer this worker's: somebody else took it over, or it was ended."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on one attempt of a step; worth something only while the token fits."""

    step_id: str
    run_id: str
    attempt: int
    token: str


@dataclass(frozen=True)
class Ready:
    """A step some worker may take now: what the doorbell says."""

    step_id: str
    attempt: int
    bell: int
    queue: str


@dataclass(frozen=True)
class Ending:
    """How an attempt ended. `record` runs inside the finishing transaction; see `finish`.

    is_final: it is not tried again, however many retries are left.
    """

    status: str
    message: str = ""
    exit_code: int | None = None
    log_size: int = 0
    record: Callable[[], dict[str, Any]] | None = None
    is_final: bool = False

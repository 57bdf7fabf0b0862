"""What the engine moves, without a database: workflows, their runs, stages, steps and leases.

`MOVES` says which status may follow which. What makes them move is in `model`.
"""

from dataclasses import dataclass, field
from typing import Any

from domain.statuses import CANCELLED, FAILED, FINISHED, PENDING, RUNNING, SKIPPED, SUCCEEDED

MOVES: dict[str, set[tuple[str, str]]] = {
    "run": {
        (PENDING, RUNNING),
        (PENDING, CANCELLED),
        (PENDING, SUCCEEDED),  # nothing of it was due
        (PENDING, FAILED),  # its only step ended outside
        (RUNNING, SUCCEEDED),
        (RUNNING, FAILED),
        (RUNNING, CANCELLED),
    },
    "stage": {
        (PENDING, RUNNING),
        (PENDING, SKIPPED),
        (PENDING, CANCELLED),
        (PENDING, SUCCEEDED),  # its only step ended outside
        (PENDING, FAILED),
        (RUNNING, SUCCEEDED),
        (RUNNING, FAILED),
        (RUNNING, CANCELLED),
    },
    "step": {
        (PENDING, RUNNING),
        (PENDING, SKIPPED),
        (PENDING, CANCELLED),
        (RUNNING, PENDING),  # the next attempt
        (RUNNING, SUCCEEDED),
        (RUNNING, FAILED),
        (RUNNING, CANCELLED),
    },
    "outside step": {
        (PENDING, SUCCEEDED),
        (PENDING, FAILED),
        (PENDING, CANCELLED),
        (PENDING, SKIPPED),
    },
    "attempt": {(RUNNING, SUCCEEDED), (RUNNING, FAILED), (RUNNING, CANCELLED)},
}
"""Every other change of a status is a defect. What is new is Pending, an attempt Running."""


OUTSIDE_SECONDS = 60
"""The time limit of every step that waits for the outside."""


@dataclass(frozen=True)
class StepPlan:
    kind: str = "Build"
    retries: int = 0
    environment: str | None = None
    is_outside: bool = False


@dataclass(frozen=True)
class StagePlan:
    steps: tuple[StepPlan, ...]
    run_if: str = "success"
    needs_approval: bool = False


class _Named:
    """What a failing example calls it; hypothesis would print every field of it."""

    name: str

    def __repr__(self) -> str:
        return self.name

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(eq=False, repr=False)
class Step(_Named):
    name: str
    plan: StepPlan
    retries: int
    status: str = PENDING
    attempt: int = 1
    attempts: list[str] = field(default_factory=list)
    """The status of each attempt that began."""
    ready_at: int | None = None
    is_to_stop: bool = False
    lease: "Lease | None" = None
    deployment: str | None = None
    """The status of its deployment, once it has begun one."""
    deployed: int | None = None
    """The place of that deployment among all that were ever begun."""
    effect: str | None = None
    """Of a deployment whose worker was lost: unknown, happened, did_not."""

    @property
    def waits_outside(self) -> bool:
        return self.status == PENDING and self.plan.is_outside and self.ready_at is not None

    def is_overdue(self, at: int) -> bool:
        since = self.ready_at or 0
        return self.waits_outside and since + OUTSIDE_SECONDS * 1000 <= at

    @property
    def waits_for_a_worker(self) -> bool:
        return self.status == PENDING and not self.plan.is_outside and self.ready_at is not None


@dataclass(eq=False, repr=False)
class Lease(_Named):
    """A worker's hold on one attempt of a step."""

    step: Step
    attempt: int
    worker: str
    until: int
    is_ended: bool = False
    """The worker was given up: nothing that it does counts any more."""

    def __repr__(self) -> str:
        return f"{self.worker}: {self.step}, attempt {self.attempt}"

    @property
    def is_held(self) -> bool:
        return self.step.lease is self

    @property
    def is_good(self) -> bool:
        return self.is_held and not self.is_ended

    def is_over(self, at: int) -> bool:
        return self.is_ended or self.until < at


@dataclass(eq=False, repr=False)
class Stage(_Named):
    name: str
    plan: StagePlan
    steps: list[Step]
    status: str = PENDING
    decision: str | None = None
    is_open: bool = False


@dataclass(eq=False, repr=False)
class Run(_Named):
    name: str
    workflow: "Workflow"
    stages: list[Stage]
    admitted: bool
    status: str = PENDING
    is_to_stop: bool = False

    @property
    def is_over(self) -> bool:
        return self.status in FINISHED

    def steps(self) -> list[Step]:
        return [step for stage in self.stages for step in stage.steps]


@dataclass(eq=False, repr=False)
class Workflow(_Named):
    name: str
    stages: tuple[StagePlan, ...]
    limit: int | None
    runs: list[Run] = field(default_factory=list)

    def in_progress(self) -> list[Run]:
        return [run for run in self.runs if run.admitted and not run.is_over]

    def held_back(self) -> list[Run]:
        return [run for run in self.runs if not run.admitted and not run.is_over]

    def has_room(self) -> bool:
        return self.limit is None or len(self.in_progress()) < self.limit

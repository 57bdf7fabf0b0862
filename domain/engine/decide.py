"""Decisions about how a run advances: pure, from plain facts.

`decide` takes the state of every stage and returns what has to change. The engine saves that in the
transaction that read the facts, so deciding again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.statuses import CANCELLED, FAILED, FINISHED, LIVE, SKIPPED, SUCCEEDED, fold


@dataclass(frozen=True)
class StageFacts:
    """One stage: its own status, whether its steps were made ready, and their statuses."""

    position: int
    status: str
    run_if: str = "success"
    needs_approval: bool = False
    decision: str | None = None
    opened: bool = False
    steps: tuple[str, ...] = ()


@dataclass
class Decision:
    """The changes to make. `outcome` is the run's final status, None while it goes on."""

    ended: dict[int, str] = field(default_factory=dict)
    open: int | None = None
    outcome: str | None = None


def decide(stages: Sequence[StageFacts], *, cancelled: bool) -> Decision:
    """Return the next moves of an admitted run.

    stages: in the order of execution. cancelled: the run was aborted, so no further stage starts.
    """
    decision = Decision()
    ended: list[str] = []
    for stage in stages:
        status = stage.status if stage.status in FINISHED else _end_of(stage, ended, cancelled)
        if status is None:
            if not stage.opened and not _waits_for_approval(stage):
                decision.open = stage.position
            return decision
        if stage.status not in FINISHED:
            decision.ended[stage.position] = status
        ended.append(status)
    decision.outcome = CANCELLED if cancelled else fold(ended)
    return decision


def _end_of(stage: StageFacts, before: Sequence[str], cancelled: bool) -> str | None:
    """Return the final status of an unfinished stage, or None while it goes on."""
    if stage.opened:
        return None if any(s in LIVE for s in stage.steps) else fold(stage.steps)
    if cancelled or not _is_due(stage.run_if, fold(before)):
        return SKIPPED
    return CANCELLED if stage.decision == "rejected" else None


def _is_due(run_if: str, so_far: str) -> bool:
    if run_if == "always":
        return True
    return so_far == (FAILED if run_if == "failure" else SUCCEEDED)


def _waits_for_approval(stage: StageFacts) -> bool:
    """Ignore a stage whose steps were all aborted: there is nothing left to approve."""
    is_asked = stage.needs_approval and stage.decision is None
    return is_asked and any(status != CANCELLED for status in stage.steps)

"""What the API and the pages both do with runs: look at one, start one, stop one."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from blueprints.present import runs as present
from blueprints.requests.runs import Rerun
from blueprints.shared.context import doorbell, keys, settings
from blueprints.shared.guards import current_actor
from domain import engine
from domain.clock import now
from domain.errors import Conflict, state
from domain.models import Run, StageRun, Workflow
from domain.releases.storage import open_storage
from domain.runs import approvals, pending_facts, reruns
from domain.runs import queries as run_queries
from domain.runs import start as runs
from domain.runs.queries import Details

LOOK_AGAIN_MS = 5_000


def look_at(run: Run) -> Details:
    """The whole run. Redis is asked only while its absence can be a reason to wait."""
    return run_queries.details(
        run,
        redis_answers=run.completed_at is not None or doorbell().is_reachable(),
        silence_ms=_silence_ms(),
    )


def _silence_ms() -> int:
    return pending_facts.silence(settings().lease_seconds)


def _may_change_unseen(run: Run) -> bool:
    return pending_facts.may_change_unseen(run, silence_ms=_silence_ms())


def version_of(run: Run) -> str:
    """Changes with whatever is shown of the run; known before the rest, so it never promises more.

    What it waits for may change without the run's own version: then it changes with the time.
    """
    moment = now() // LOOK_AGAIN_MS if _may_change_unseen(run) else 0
    return f"{run.id}-{run.version}-{moment:x}"


class Shown:
    """A run as the API shows it, read no further than is asked for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._may_change_unseen = _may_change_unseen(run)

    @cached_property
    def _details(self) -> Details:
        return look_at(self.run)

    @cached_property
    def json(self) -> dict[str, Any]:
        return present.run(self._details)

    @cached_property
    def tag(self) -> str:
        """Differs when what is shown does; of a run that nothing outside it holds up, it costs
        no more than its row."""
        reasons = self._details.reasons if self._may_change_unseen else ()
        # Not `since`: there may be no better answer to that than now.
        told = [(reason["code"], reason["message"], *reason["who"]) for reason in reasons]
        digest = hashlib.sha256(repr(told).encode()).hexdigest()[:16] if told else "0"
        return f"{self.run.id}-{self.run.version}-{digest}"


def start(
    workflow: Workflow,
    parameters: Mapping[str, Any],
    trigger_source: str,
    within: Callable[[Run], None] | None = None,
) -> Run:
    """Start a run in the caller's name and tell the workers; see `domain.runs.start`."""
    run, ready = runs.start(
        workflow,
        actor=current_actor(),
        keys=keys(),
        parameters=parameters,
        trigger_source=trigger_source,
        within=within,
    )
    doorbell().ring(ready)
    return run


def rerun(old: Run, wanted: Rerun, within: Callable[[Run], None] | None = None) -> Run:
    """Run a finished run again in the caller's name; see `domain.runs.reruns.rerun`."""
    run, ready = reruns.rerun(
        old,
        whence=wanted.whence,
        definition=wanted.definition,
        actor=current_actor(),
        keys=keys(),
        storage=lambda: open_storage(settings()),
        within=within,
    )
    doorbell().ring(ready)
    return run


def abort(run: Run) -> None:
    """Stop a run in the caller's name; nothing happens to a finished one."""
    running, ready = engine.abort_run(run.id, by=current_actor())
    doorbell().poke(running)
    doorbell().ring(ready)


def decide(stage: StageRun, decision: str, comment: str = "") -> None:
    """Approve or reject a stage in the caller's name. decision: `approved` or `rejected`.

    Raises Forbidden, and Conflict when the stage does not wait for it.
    """
    actor = current_actor()
    approvals.require_approver(stage, actor)
    ready = engine.decide_stage(stage, decision=decision, by=actor, comment=comment)
    if ready is None:
        raise _not_waiting(StageRun.get_by_id(stage.id))
    doorbell().ring(ready)


def _not_waiting(stage: StageRun) -> Conflict:
    so_far = f"{stage.decision} by {stage.decided_by}" if stage.decision else "not decided"
    members = {"status": stage.status, "decision": stage.decision, "by": stage.decided_by}
    return Conflict(
        "The stage does not wait for an approval (any more).",
        code="not_waiting",
        details=[state("not_waiting", f"{stage.name} is {stage.status} and {so_far}.", **members)],
    )

"""Actions on runs that the API and the pages share."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from blueprints.requests.runs import Completion, Outcome, Rerun
from blueprints.responses import runs as answers
from blueprints.shared.context import doorbell, keys, settings
from blueprints.shared.guards import current_actor
from domain import engine
from domain.accounts.access import Actor
from domain.clock import now
from domain.errors import Conflict, conflict
from domain.models import Run, StageRun, StepRun, Workflow
from domain.releases.storage import open_storage
from domain.runs import approvals, external_completion, lost_deployments, pending_facts, reruns
from domain.runs import queries as run_queries
from domain.runs.queries import Details
from domain.runs.start import start_run

LOOK_AGAIN_MS = 5_000


def look_at(run: Run) -> Details:
    """Return the whole run. Redis is asked only while its absence can be a pending reason."""
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
    """Return a string that changes whenever the displayed content of the run changes.

    Read before that content, so the version is never newer. Pending reasons may change without the
    run's own version, so while there are any, it also changes with the time.
    """
    moment = now() // LOOK_AGAIN_MS if _may_change_unseen(run) else 0
    return f"{run.id}-{run.version}-{moment:x}"


class Shown:
    """A run as the API shows it, read only as far as needed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._may_change_unseen = _may_change_unseen(run)

    @cached_property
    def _details(self) -> Details:
        return look_at(self.run)

    @cached_property
    def answer(self) -> answers.Run:
        return answers.run(self._details)

    @cached_property
    def tag(self) -> str:
        """The ETag. It costs only the run's row, unless pending reasons may change unseen."""
        reasons = self._details.reasons if self._may_change_unseen else ()
        # Without `since`, which may be the current time and would change at every request.
        shown = [(reason["code"], reason["message"], *reason["who"]) for reason in reasons]
        digest = hashlib.sha256(repr(shown).encode()).hexdigest()[:16] if shown else "0"
        return f"{self.run.id}-{self.run.version}-{digest}"


def start(workflow: Workflow, parameters: Mapping[str, Any], trigger_source: str) -> Run:
    """Start a run in the caller's name; see `domain.runs.start`."""
    return start_run(
        workflow,
        actor=current_actor(),
        keys=keys(),
        parameters=parameters,
        trigger_source=trigger_source,
    )


def rerun(old: Run, wanted: Rerun) -> Run:
    """Run a finished run again in the caller's name; see `domain.runs.reruns`."""
    return reruns.rerun(
        old,
        whence=wanted.whence,
        definition=wanted.definition,
        actor=current_actor(),
        keys=keys(),
        storage=lambda: open_storage(settings()),
    )


def decide(stage: StageRun, decision: str, comment: str = "") -> None:
    """Approve or reject a stage in the caller's name. decision: `approved` or `rejected`.

    Raises Forbidden, and Conflict if the stage does not wait for approval.
    """
    actor = current_actor()
    approvals.require_approver(stage, actor)
    if not engine.decide_stage(stage, decision=decision, by=actor, comment=comment):
        raise _not_waiting(StageRun.get_by_id(stage.id))


def _not_waiting(stage: StageRun) -> Conflict:
    so_far = f"{stage.decision} by {stage.decided_by}" if stage.decision else "not decided"
    return conflict(
        "not_waiting",
        "The stage does not wait for an approval (any more).",
        f"{stage.name} is {stage.status} and {so_far}.",
        status=stage.status,
        decision=stage.decision,
        by=stage.decided_by,
    )


def complete(step: StepRun, body: Completion, actor: Actor) -> None:
    """Complete a step externally; see `domain.runs.external_completion`."""
    external_completion.complete(
        step, success=body.success, release_id=body.release_id, message=body.message, actor=actor
    )


def record_outcome(step: StepRun, body: Outcome) -> None:
    """Record the outcome of a lost deployment; see `domain.runs.lost_deployments`."""
    lost_deployments.answer(
        step, happened=body.happened, comment=body.comment, actor=current_actor()
    )

"""What the API and the pages both do with runs: look at one, start one, stop one."""

from collections.abc import Callable, Mapping
from typing import Any

from blueprints import doorbell, keys, settings
from blueprints.guards import current_actor
from blueprints.run_schemas import Rerun
from domain import engine, reruns, run_queries, runs, waiting
from domain.clock import now
from domain.errors import Conflict
from domain.models import Run, StageRun, Workflow
from domain.run_queries import Details
from domain.storage import open_storage

LOOK_AGAIN_MS = 5_000


def look_at(run: Run) -> Details:
    """The whole run. Redis is asked only while its absence can be a reason to wait."""
    return run_queries.details(
        run, redis_answers=run.completed_at is not None or doorbell().is_reachable()
    )


def version_of(run: Run) -> str:
    """Changes with whatever is shown of the run; known before the rest, so it never promises more.

    What it waits for may change without the run's own version: then it changes with the time.
    """
    moment = now() // LOOK_AGAIN_MS if waiting.may_change_unseen(run) else 0
    return f"{run.id}-{run.version}-{moment:x}"


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
    """Run a finished run again in the caller's name; see `domain.reruns.rerun`."""
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


def stop(run: Run) -> None:
    """Stop a run in the caller's name; nothing happens to a finished one."""
    running, ready = engine.cancel_run(run.id, by=current_actor().username)
    doorbell().poke(running)
    doorbell().ring(ready)


def decide(stage: StageRun, decision: str, comment: str = "") -> None:
    """Approve or reject a stage in the caller's name. decision: `approved` or `rejected`.

    Raises Forbidden, and Conflict when the stage does not wait for it.
    """
    runs.require_approver(stage, current_actor())
    ready = engine.decide_stage(
        stage, decision=decision, by=current_actor().username, comment=comment
    )
    if ready is None:
        raise Conflict("The stage does not wait for an approval (any more).", code="not_waiting")
    doorbell().ring(ready)

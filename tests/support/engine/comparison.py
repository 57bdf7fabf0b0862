"""What the model says of each thing against what the database says of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.engine.things import Run, Stage, Step
from tests.support.engine.view import View


def differences(rows: Mapping[Any, str], view: View) -> Iterator[str]:
    """rows: the ids of the rows of the model's workflows, runs, stages and steps."""
    for thing, row_id in rows.items():
        seen, expected = _seen(thing, row_id, view), _expected(thing)
        if seen != expected:
            yield f"{thing} is {seen}, but should be {expected}"


def _expected(thing: Any) -> Any:
    """What the model knows of a workflow, run, stage or step, in the form of `_seen`."""
    if isinstance(thing, Run):
        return thing.status, thing.admitted, thing.is_to_stop
    if isinstance(thing, Stage):
        return thing.status, thing.is_open, thing.decision
    if isinstance(thing, Step):
        return (
            thing.status,
            thing.attempt,
            thing.attempts,
            thing.ready_at,
            thing.is_to_stop,
            thing.deployment,
            thing.effect,
            thing.lease and (0 if thing.lease.is_ended else thing.lease.until),
        )
    return thing.limit


def _seen(thing: Any, row_id: str, view: View) -> Any:
    if isinstance(thing, Run):
        run = view.runs[row_id]
        return run.status, bool(run.admitted), run.cancelled_by is not None
    if isinstance(thing, Stage):
        stage = view.stages[row_id]
        return stage.status, stage.opened_at is not None, stage.decision
    if isinstance(thing, Step):
        step = view.steps[row_id]
        return (
            step.status,
            step.attempt,
            [attempt.status for attempt in view.attempts_of(row_id)],
            step.ready_at,
            bool(step.cancel_requested),
            view.deployments[step.deployment_id].status if step.deployment_id else None,
            step.outside_effect,
            step.lease_until,
        )
    return view.limits[row_id]

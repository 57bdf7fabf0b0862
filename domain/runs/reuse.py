"""Decisions about what a rerun reuses of the earlier run. Pure.

A success is reused only where the new run would do exactly the same, with the same parameters.

A deployment is reused only while its environment still holds it. A later deployment, finished or
not, by this workflow or another, may have replaced it; then it runs again, and so does everything
after it. Later deployments that are also reused do not count: a run that deploys twice to one
environment leaves there what the second made of the first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.models import StageRun, StepRun
from domain.runs.earlier import Earlier
from domain.runs.start import Plan
from domain.statuses import HAPPENED, SUCCEEDED


@dataclass(frozen=True)
class Reused:
    """Steps and decisions that the new run takes over, by the ids of its own steps and stages."""

    steps: dict[str, StepRun] = field(default_factory=dict)
    decisions: dict[str, StageRun] = field(default_factory=dict)


def choose(plan: Plan, earlier: Earlier) -> Reused:
    """Return the successes that still hold, up to the first stage with something to run.

    None hold after a change of parameters, because every script may depend on them.
    """
    if plan.parameters != earlier.parameters:
        return Reused()
    gone: set[str] = set()
    while True:  # a deployment that runs again may replace one that was reused so far
        reused = _stage_by_stage(plan, earlier, gone)
        overwritten = _overwritten(reused, earlier)
        if not overwritten:
            return reused
        gone |= overwritten


def _stage_by_stage(plan: Plan, earlier: Earlier, gone: Collection[str]) -> Reused:
    """Return the successes that hold. gone: names of steps whose success holds no longer."""
    reused = Reused()
    for stage in plan.stages:
        if stage["run_if"] == "failure":
            continue  # nothing has failed so far, so it is skipped
        steps = [step for step in plan.steps if step["stage"] == stage["id"]]
        good = {
            step["id"]: earlier.steps[step["name"]]
            for step in steps
            if step["name"] not in gone and _holds(step, plan.specs[step["id"]], earlier)
        }
        reused.steps.update(good)
        if len(good) < len(steps):
            break
        if decided := _decision(stage, list(good.values()), earlier):
            reused.decisions[stage["id"]] = decided
    return reused


def _holds(step: Mapping[str, Any], spec: Mapping[str, Any], earlier: Earlier) -> bool:
    """Return whether the step would repeat what its namesake has already done."""
    before = earlier.steps.get(step["name"])
    if before is None or (before.type, earlier.specs.get(before.id)) != (step["type"], spec):
        return False
    return before.status == SUCCEEDED or before.outside_effect == HAPPENED


def _overwritten(reused: Reused, earlier: Earlier) -> set[str]:
    """Return the names of the reused Deploys whose environment may hold something else by now.

    The ids of deployments sort by the time when they began.
    """
    deploys = [step for step in reused.steps.values() if step.type == "Deploy"]
    stays = {step.deployment_id for step in deploys}
    last_other = dict(earlier.newest)
    for deployment, place in earlier.places.items():
        if deployment not in stays:
            last_other[place] = max(deployment, last_other.get(place, ""))
    return {
        step.name
        for step in deploys
        # Without its record, the content of the environment is unknown.
        if step.deployment_id not in earlier.places
        or step.deployment_id < last_other.get(earlier.places[step.deployment_id], "")
    }


def _decision(
    stage: Mapping[str, Any], steps: Sequence[StepRun], earlier: Earlier
) -> StageRun | None:
    """Return the earlier stage if its approval, for the same steps and roles, still holds."""
    before = earlier.stages[steps[0].stage_id]
    same_steps = {step.id for step in earlier.steps.values() if step.stage_id == before.id}
    if before.decision != "approved" or before.approval != stage["approval"]:
        return None
    return before if {step.id for step in steps} == same_steps else None

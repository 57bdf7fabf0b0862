"""What a rerun keeps of the run that it repeats. Pure.

A success is kept only where the new run would do exactly the same again, with the same parameters.

A deployment is kept only where it is still what its environment holds. Whatever came there later,
be it finished or not, by this workflow or another, may have overwritten it; then it runs again, and
so does all that follows it. Not in the way is what came later and is kept as well: a run that
deploys twice to one place leaves there what the second made of the first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.models import StageRun, StepRun
from domain.runs.start import Plan
from domain.statuses import HAPPENED, SUCCEEDED


@dataclass(frozen=True)
class Earlier:
    """What is known of the run that is repeated."""

    parameters: Mapping[str, Any]
    stages: Mapping[str, StageRun]
    """By id."""
    steps: Mapping[str, StepRun]
    """By name, which is unique in a run."""
    specs: Mapping[str, Mapping[str, Any]]
    """By the id of the step."""
    places: Mapping[str, str]
    """The deployments of its steps, with the environment of each."""
    newest: Mapping[str, str]
    """The newest deployment to each of these environments that is not among them."""


@dataclass(frozen=True)
class Kept:
    """What the new run takes over, by the ids of its own steps and stages."""

    steps: dict[str, StepRun] = field(default_factory=dict)
    decisions: dict[str, StageRun] = field(default_factory=dict)


def choose(plan: Plan, earlier: Earlier) -> Kept:
    """The successes that stand, up to the first stage with something to run.

    None where the parameters are not the same: every script may have seen the difference.
    """
    if plan.parameters != earlier.parameters:
        return Kept()
    gone: set[str] = set()
    while True:  # until nothing falls with what fell before: a later deployment may run again, too
        kept = _stage_by_stage(plan, earlier, gone)
        overwritten = _overwritten(kept, earlier)
        if not overwritten:
            return kept
        gone |= overwritten


def _stage_by_stage(plan: Plan, earlier: Earlier, gone: Collection[str]) -> Kept:
    """gone: the names of steps whose success stands no more."""
    kept = Kept()
    for stage in plan.stages:
        if stage["run_if"] == "failure":
            continue  # nothing has failed so far, so it will be skipped
        steps = [step for step in plan.steps if step["stage_id"] == stage["id"]]
        good = {
            step["id"]: earlier.steps[step["name"]]
            for step in steps
            if step["name"] not in gone and _stands(step, plan.specs[step["id"]], earlier)
        }
        kept.steps.update(good)
        if len(good) < len(steps):
            break
        if decided := _decision(stage, list(good.values()), earlier):
            kept.decisions[stage["id"]] = decided
    return kept


def _stands(step: Mapping[str, Any], spec: Mapping[str, Any], earlier: Earlier) -> bool:
    """Whether the step would do what its namesake has done well before."""
    before = earlier.steps.get(step["name"])
    if before is None or (before.type, earlier.specs.get(before.id)) != (step["type"], spec):
        return False
    return before.status == SUCCEEDED or before.outside_effect == HAPPENED


def _overwritten(kept: Kept, earlier: Earlier) -> set[str]:
    """The names of the Deploys among what is kept whose environment may hold something else now.

    The ids of deployments sort by the time of their beginning.
    """
    deploys = [step for step in kept.steps.values() if step.type == "Deploy"]
    stays = {step.deployment_id for step in deploys}
    last_other = dict(earlier.newest)
    for deployment, place in earlier.places.items():
        if deployment not in stays:
            last_other[place] = max(deployment, last_other.get(place, ""))
    return {
        step.name
        for step in deploys
        # Without its record nothing tells what is there.
        if step.deployment_id not in earlier.places
        or step.deployment_id < last_other.get(earlier.places[step.deployment_id], "")
    }


def _decision(
    stage: Mapping[str, Any], steps: Sequence[StepRun], earlier: Earlier
) -> StageRun | None:
    """The stage whose approval holds for this one: of the same steps, asked of the same people."""
    before = earlier.stages[steps[0].stage_id]
    same_steps = {step.id for step in earlier.steps.values() if step.stage_id == before.id}
    if before.decision != "approved" or before.approval != stage["approval"]:
        return None
    return before if {step.id for step in steps} == same_steps else None

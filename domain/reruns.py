"""Running a finished run again, from its start or from what failed.

From what failed, the successes before it are kept: these steps do not run, and what they released
counts as the new run's own. A success is kept only where the new run would do exactly the same
again, and only with every package as it was released.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from domain import runs
from domain.access import Actor
from domain.clock import now
from domain.deployments import HAPPENED, UNKNOWN
from domain.engine import Ready
from domain.errors import Conflict, Fault
from domain.keys import Keys
from domain.models import Release, Run, StageRun, StepRun, StepSpec, Workflow
from domain.releases import artifacts_of
from domain.runs import Plan
from domain.statuses import SUCCEEDED
from domain.storage import Storage, StorageError

Whence = Literal["start", "failed"]
Which = Literal["same", "current"]


def rerun(
    old: Run,
    *,
    whence: Whence,
    definition: Which,
    actor: Actor,
    keys: Keys,
    storage: Storage,
    within: Callable[[Run], None] | None = None,
) -> tuple[Run, list[Ready]]:
    """Run the old run's workflow again, with its parameters.

    definition: of the revision that the old run had, or the present one; suites and environments
    are always as they are now. within: see `runs.launch`.
    Returns the new run and the steps to ring for. Raises Conflict, Invalid.
    """
    workflow = _workflow_of(old)
    revision = old.revision if definition == "same" else workflow.revision
    plan = runs.prepare(workflow, revision, old.parameters)
    kept = Kept() if whence == "start" else _kept_of(old, plan, storage)

    def keep(run: Run) -> None:
        _keep(kept, old)
        if within:
            within(run)

    return runs.launch(
        plan, actor=actor, keys=keys, trigger_source="rerun", rerun_of=old.id, within=keep
    )


def _workflow_of(old: Run) -> Workflow:
    if old.completed_at is None:
        raise Conflict(
            f"The run is still {old.status}; wait for its end, or abort it.",
            code="run_in_progress",
            details=[Fault("/status", "run_in_progress", old.status)],
        )
    workflow = Workflow.get_by_id(old.workflow_id)
    if workflow.deleted_at is not None:
        raise Conflict("The workflow of this run was deleted.", code="workflow_deleted")
    return workflow


# ---- what is kept: pure ----------------------------------------------------------------------


@dataclass(frozen=True)
class Earlier:
    """What is known of the run that is repeated."""

    stages: Mapping[str, StageRun]
    """By id."""
    steps: Mapping[str, StepRun]
    """By name, which is unique in a run."""
    specs: Mapping[str, Mapping[str, Any]]
    """By the id of the step."""


@dataclass(frozen=True)
class Kept:
    """What the new run takes over, by the ids of its own steps and stages."""

    steps: dict[str, StepRun] = field(default_factory=dict)
    decisions: dict[str, StageRun] = field(default_factory=dict)


def choose(plan: Plan, earlier: Earlier) -> Kept:
    """The successes that stand, stage by stage, up to the first stage with something to run."""
    kept = Kept()
    for stage in plan.stages:
        if stage["run_if"] == "failure":
            continue  # nothing has failed so far, so it will be skipped
        steps = [step for step in plan.steps if step["stage_id"] == stage["id"]]
        good = {
            step["id"]: earlier.steps[step["name"]]
            for step in steps
            if _stands(step, plan.specs[step["id"]], earlier)
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


def _decision(
    stage: Mapping[str, Any], steps: Sequence[StepRun], earlier: Earlier
) -> StageRun | None:
    """The stage whose approval holds for this one: of the same steps, asked of the same people."""
    before = earlier.stages[steps[0].stage_id]
    same_steps = {step.id for step in earlier.steps.values() if step.stage_id == before.id}
    if before.decision != "approved" or before.approval != stage["approval"]:
        return None
    return before if {step.id for step in steps} == same_steps else None


# ---- with the database and the storage -------------------------------------------------------


def _kept_of(old: Run, plan: Plan, storage: Storage) -> Kept:
    if old.status == SUCCEEDED:
        raise Conflict(
            "Nothing failed in this run; run it again from the start.", code="nothing_failed"
        )
    earlier = _read(old)
    _check_outcomes(earlier.steps.values())
    kept = choose(plan, earlier)
    _check_releases(kept.steps.values(), storage)
    return kept


def _read(old: Run) -> Earlier:
    steps = list(StepRun.select().where(StepRun.run == old.id))
    specs = StepSpec.select().join(StepRun).where(StepRun.run == old.id)
    return Earlier(
        stages={stage.id: stage for stage in StageRun.select().where(StageRun.run == old.id)},
        steps={step.name: step for step in steps},
        specs={row.step_id: row.spec for row in specs},
    )


def _check_outcomes(steps: Iterable[StepRun]) -> None:
    unknown = [step for step in steps if step.outside_effect == UNKNOWN]
    if unknown:
        raise Conflict(
            "First say what became of the deployment whose worker was lost: "
            f"{', '.join(step.name for step in unknown)}.",
            code="outcome_unknown",
            details=[
                {
                    "field": "",
                    "code": "outcome_unknown",
                    "message": f"Nobody knows yet whether {step.name} happened.",
                    "stepRunId": step.id,
                }
                for step in unknown
            ],
        )


def _check_releases(steps: Iterable[StepRun], storage: Storage) -> None:
    """Read every package of what the steps released; Conflict names each that is not as it was."""
    makers = {step.release_id: step.name for step in steps if step.release_id is not None}
    releases = list(Release.select().where(Release.id.in_(list(makers)))) if makers else []
    there = {release.id for release in releases}
    damaged = [
        f"The release that {name} made does not exist any more."
        for release_id, name in makers.items()
        if release_id not in there
    ]
    for artifact in artifacts_of(releases):
        try:
            storage.verify(artifact.sha256)
        except (StorageError, OSError) as error:
            damaged.append(f"{artifact}: {error}")
    if damaged:
        raise Conflict(
            f"What this run released cannot be used again. {damaged[0]} "
            "Run it again from the start.",
            code="release_damaged",
            details=[Fault("", "release_damaged", message) for message in damaged],
        )


def _keep(kept: Kept, old: Run) -> None:
    """Inside the transaction that stores the new run, before anything of it can begin."""
    at = now()
    for step_id, step in kept.steps.items():
        StepRun.update(
            status=SUCCEEDED,
            completed_at=at,
            message=step.message if step.kept_from else f"Kept from run #{old.number}.",
            release_id=step.release_id,
            deployment_id=step.deployment_id,
            test_counts=step.test_counts,
            kept_from=step.kept_from or step.id,
        ).where(StepRun.id == step_id).execute()
    for stage_id, stage in kept.decisions.items():
        StageRun.update(
            decision=stage.decision,
            decided_by=stage.decided_by,
            decided_at=stage.decided_at,
            comment=stage.comment,
        ).where(StageRun.id == stage_id).execute()

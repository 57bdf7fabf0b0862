"""Running a finished run again, from its start or from what failed.

From what failed, the successes before it are kept (`domain.runs.reuse` says which): these steps
do not run, and what they released counts as the new run's own, if every package
is as it was released.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from peewee import fn

from domain.accounts.access import Actor, missing
from domain.clock import now, rfc3339
from domain.engine import Ready
from domain.errors import Conflict, FieldError, GalleyError, Invalid, state
from domain.models import (
    Deployment,
    Ingredient,
    Release,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    Workflow,
)
from domain.releases.artifacts import Artifact
from domain.releases.releases import artifacts_of
from domain.releases.storage import Storage, StorageError
from domain.runs import start as runs
from domain.runs.lost_deployments import require_answers
from domain.runs.reuse import Earlier, Kept, choose
from domain.runs.start import Plan
from domain.runs.step_specs import RunPart, Seal, StepPart
from domain.secret_key import Keys
from domain.settings import SettingError
from domain.statuses import SUCCEEDED

Whence = Literal["start", "failed"]
Which = Literal["same", "current"]


class StorageUnavailable(GalleyError):
    status, code = 503, "storage_unavailable"


def rerun(
    old: Run,
    *,
    whence: Whence,
    definition: Which,
    actor: Actor,
    keys: Keys,
    storage: Callable[[], Storage],
    within: Callable[[Run], None] | None = None,
) -> tuple[Run, list[Ready]]:
    """Run the old run's workflow again, with its parameters.

    definition: of the revision that the old run had, or the present one; suites and environments
    are always as they are now. storage: opens it; called only if releases are kept, and may raise
    SettingError. within: see `runs.launch`.
    Returns the new run and the steps to ring for. Raises Conflict, Invalid, StorageUnavailable.
    """
    workflow = _workflow_of(old)
    earlier = _read(old, keys)
    plan = _prepare(old, workflow, definition)
    kept = Kept() if whence == "start" else _kept_of(old, earlier, plan, storage)

    def keep(run: Run) -> None:
        _keep(kept, old)
        if within:
            within(run)

    return runs.launch(
        plan, actor=actor, keys=keys, trigger_source="rerun", rerun_of=old.id, within=keep
    )


@dataclass(frozen=True)
class Preview:
    """What a rerun would do."""

    steps: list[str]
    """The names of all its steps, in their order."""
    kept: set[str]
    """Those that one from the failure does not run again."""
    unanswered: str
    """Why there can be none from the failure yet; "" if there can."""


def preview(old: Run, *, definition: Which, keys: Keys) -> Preview:
    """Before anything is done, and without a look into the storage: that is checked when it begins.

    Raises Conflict and Invalid where such a rerun is not possible.
    """
    earlier = _read(old, keys)
    plan = _prepare(old, _workflow_of(old), definition)
    kept = choose(plan, earlier)
    try:
        require_answers(earlier.steps.values())
        unanswered = ""
    except Conflict as error:
        unanswered = error.message
    return Preview(
        steps=[step["name"] for step in plan.steps],
        kept={step["name"] for step in plan.steps if step["id"] in kept.steps},
        unanswered=unanswered,
    )


def _workflow_of(old: Run) -> Workflow:
    if old.completed_at is None:
        raise Conflict(
            f"The run is still {old.status}; wait for its end, or abort it.",
            code="run_in_progress",
            details=[FieldError("/status", "run_in_progress", old.status)],
        )
    workflow = Workflow.get_by_id(old.workflow_id)
    if workflow.deleted_at is not None:
        raise Conflict(
            "The workflow of this run was deleted.",
            code="workflow_deleted",
            details=[
                state(
                    "workflow_deleted",
                    f"{workflow.updated_by} deleted it.",
                    workflowId=workflow.id,
                    deletedAt=rfc3339(workflow.deleted_at),
                )
            ],
        )
    return workflow


def _prepare(old: Run, workflow: Workflow, definition: Which) -> Plan:
    """What the new run would be. Raises Conflict, Invalid."""
    is_current = definition == "current"
    try:
        return runs.prepare(
            workflow, workflow.revision if is_current else old.revision, old.parameters
        )
    except Invalid as refused:
        if not all(fault.field.startswith("/parameters") for fault in refused.errors):
            raise
        # Nobody has sent these parameters with this request, so it is not the one at fault.
        as_it_was = " Or run it again with the definition that it had." if is_current else ""
        raise Conflict(
            f"The parameters of run #{old.number} do not fit the definition any more: "
            f"{refused.errors[0].message} Start a new run with parameters that fit.{as_it_was}",
            code="parameters_do_not_fit",
            details=[FieldError("/definition", f.code, f.message) for f in refused.errors],
        ) from None


# ---- with the database and the storage -------------------------------------------------------


def _kept_of(old: Run, earlier: Earlier, plan: Plan, storage: Callable[[], Storage]) -> Kept:
    if old.status == SUCCEEDED:
        raise Conflict(
            "Nothing failed in this run; run it again from the start.",
            code="nothing_failed",
            details=[state("nothing_failed", f"The run is {old.status}.", status=old.status)],
        )
    require_answers(earlier.steps.values())
    kept = choose(plan, earlier)
    _check_releases(kept.steps.values(), old.project_id, storage)
    return kept


def _read(old: Run, keys: Keys) -> Earlier:
    """Raises Conflict for a run that is not as it was signed.

    The new run signs what it takes over from it, its parameters at least: without this look, what
    no worker would run of a changed row would be as good as new.
    """
    stages = {stage.id: stage for stage in StageRun.select().where(StageRun.run == old.id)}
    steps = list(StepRun.select().where(StepRun.run == old.id).order_by(StepRun.id))
    of_run = StepSpec.select().join(StepRun).where(StepRun.run == old.id)
    specs = {row.step_id: row for row in of_run}
    part = RunPart(old.id, old.project_id, old.number, old.triggered_by, old.parameters)
    seal = Seal(keys, part)
    _refuse_altered(
        steps,
        [s for s in steps if not _fits(seal, s, stages.get(s.stage_id), specs.get(s.id))],
    )
    places, newest = _deployments(steps)
    return Earlier(
        parameters=old.parameters,
        stages=stages,
        steps={step.name: step for step in steps},
        specs={step_id: row.spec for step_id, row in specs.items()},
        places=places,
        newest=newest,
    )


def _fits(seal: Seal, step: StepRun, stage: StageRun | None, row: StepSpec | None) -> bool:
    """Whether the step is as it was signed; without its stage or spec it is not."""
    if stage is None or row is None:
        return False
    part = StepPart(
        step_id=step.id,
        stage_name=stage.name,
        name=step.name,
        type=step.type,
        queue=step.queue,
        timeout_seconds=step.timeout_seconds,
        lock_key=step.lock_key,
        spec=row.spec,
    )
    return seal.fits(part, row.signature)


def _refuse_altered(steps: Sequence[StepRun], altered: Sequence[StepRun]) -> None:
    """Raises Conflict for altered steps, and for a run without steps: nothing vouches for it."""
    if steps and not altered:
        return
    raise Conflict(
        "The stored plan of this run does not fit its signature, so nothing of it is used again. "
        "Either it was changed in the database after the run began; or it was signed with another "
        "secret key, or before an upgrade. Start a new run.",
        code="run_altered",
        details=[
            state("run_altered", f"{step.name} is not as it was signed.", stepRunId=step.id)
            for step in altered
        ]
        or [state("run_altered", "It has no steps any more.")],
    )


def _deployments(steps: Iterable[StepRun]) -> tuple[dict[str, str], dict[str, str]]:
    """`places` and `newest` of `Earlier`."""
    ids = [step.deployment_id for step in steps if step.deployment_id is not None]
    if not ids:
        return {}, {}
    mine = Deployment.select(Deployment.id, Deployment.environment).where(Deployment.id.in_(ids))
    places = dict(mine.tuples())
    others = (
        Deployment.select(Deployment.environment, fn.MAX(Deployment.id))
        .where(Deployment.environment.in_(list(places.values())) & Deployment.id.not_in(ids))
        .group_by(Deployment.environment)
    )
    return places, dict(others.tuples())


def _check_releases(
    steps: Iterable[StepRun], project_id: str, storage: Callable[[], Storage]
) -> None:
    """Raises Conflict, which names each package of what the steps released that is not as it was.

    A release of another project is none of theirs. Raises StorageUnavailable.
    """
    makers = {step.release_id: step.name for step in steps if step.release_id is not None}
    if not makers:
        return
    mine = Release.id.in_(list(makers)) & (Ingredient.project == project_id)
    releases = list(Release.select().join(Ingredient).where(mine))
    there = {release.id for release in releases}
    damaged = [
        f"The release that {name} made does not exist any more."
        for release_id, name in makers.items()
        if release_id not in there
    ]
    damaged += _damaged(artifacts_of(releases), storage)
    if damaged:
        raise Conflict(
            f"What this run released cannot be used again. {damaged[0]} "
            "Run it again from the start.",
            code="release_damaged",
            details=[FieldError("", "release_damaged", message) for message in damaged],
        )


def _damaged(artifacts: Sequence[Artifact], storage: Callable[[], Storage]) -> list[str]:
    """A sentence for each package that is missing or damaged. Raises StorageUnavailable.

    Whoever asks for the rerun waits for it, some two seconds for each GB on a local disk. It takes
    1 MiB of memory however much is read, holds no transaction, and lets other requests go on.
    """
    if not artifacts:
        return []
    try:
        opened = storage()
        wrong = {sha256: _fault_of(opened, sha256) for sha256 in {a.sha256 for a in artifacts}}
    except (SettingError, OSError) as error:
        raise StorageUnavailable(
            f"What this run released cannot be checked, for the storage does not answer ({error}). "
            "Try again later, or run it again from the start."
        ) from error
    return [f"{artifact}: {fault}" for artifact in artifacts if (fault := wrong[artifact.sha256])]


def _fault_of(storage: Storage, sha256: str) -> str:
    """What is wrong with a stored file; "" for nothing."""
    try:
        storage.verify(sha256)
    except StorageError as error:
        return str(error)
    return ""


def _keep(kept: Kept, old: Run) -> None:
    """Inside the transaction that stores the new run, before anything of it can begin."""
    _require_still_there(kept, old)
    at = now()
    for step_id, step in kept.steps.items():
        StepRun.update(
            status=SUCCEEDED,
            completed_at=at,
            message=step.message if step.kept_from else f"Kept from run #{old.number}.",
            release_id=step.release_id,
            deployment_id=step.deployment_id,
            test_counts=step.test_counts,
            log_size=step.log_size,
            kept_from=step.kept_from or step.id,
        ).where(StepRun.id == step_id).execute()
    for stage_id, stage in kept.decisions.items():
        StageRun.update(
            decision=stage.decision,
            decided_by=stage.decided_by,
            decided_at=stage.decided_at,
            comment=stage.comment,
        ).where(StageRun.id == stage_id).execute()


def _require_still_there(kept: Kept, old: Run) -> None:
    """Raises NotFound when what is kept was removed since it was read.

    Whoever removes a run holds its workflow's row, as the caller does: it cannot go from now on.
    """
    ids = {step.kept_from or step.id for step in kept.steps.values()}
    if StepRun.select().where(StepRun.id.in_(ids)).count() < len(ids):
        raise missing("run", old.id)

"""Reruns: run a finished run again, from the start or from where it failed.

From where it failed, a rerun reuses the successes before it: `domain.runs.reuse` decides which.
These steps do not run, and what they released counts as the new run's own if every package is
still as it was released.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from domain import engine
from domain.accounts.access import Actor, missing
from domain.clock import now, rfc3339
from domain.errors import Conflict, FieldError, GalleyError, Invalid, conflict
from domain.models import Ingredient, Release, Run, StageRun, StepRun, Workflow, write
from domain.releases.artifacts import Artifact
from domain.releases.releases import artifacts_of
from domain.releases.storage import Storage, StorageError
from domain.runs.earlier import Earlier, read_earlier
from domain.runs.lost_deployments import require_answers
from domain.runs.reuse import Reused, choose
from domain.runs.start import Plan, prepare, store
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
) -> Run:
    """Run the old run's workflow again, with the same parameters, and return the new run.

    definition: the revision of the old run, or the current one. Suites and environments are always
    the current ones. storage: opens it; called only if releases are reused, may raise SettingError.
    Raises Conflict, Invalid, StorageUnavailable.
    """
    workflow = _workflow_of(old)
    earlier = read_earlier(old, keys)
    plan = _prepare(old, workflow, definition)
    reused = Reused() if whence == "start" else _reused(old, earlier, plan, storage)
    with write():
        run = store(plan, actor=actor, keys=keys, trigger_source="rerun", rerun_of=old.id)
        _take_over(reused, old)
        engine.advance_in_transaction(run.id)
    return run


@dataclass(frozen=True)
class Preview:
    """The steps that a rerun would have, by name and in order."""

    steps: Sequence[str] = ()
    reused: Collection[str] = ()
    """The steps that a rerun from the failure reuses."""
    unanswered: str = ""
    """Why a rerun from the failure is not possible yet."""
    refused: str = ""
    """Why no rerun is possible."""


def preview(old: Run, *, definition: Which, keys: Keys) -> Preview:
    """Return what a rerun would do. Packages are not checked before it starts.

    Raises Conflict and Invalid where such a rerun is not possible.
    """
    earlier = read_earlier(old, keys)
    plan = _prepare(old, _workflow_of(old), definition)
    reused = choose(plan, earlier)
    try:
        require_answers(earlier.steps.values())
        unanswered = ""
    except Conflict as error:
        unanswered = error.message
    return Preview(
        steps=[step["name"] for step in plan.steps],
        reused={step["name"] for step in plan.steps if step["id"] in reused.steps},
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
        raise conflict(
            "workflow_deleted",
            "The workflow of this run was deleted.",
            f"{workflow.updated_by} deleted it.",
            workflowId=workflow.id,
            deletedAt=rfc3339(workflow.deleted_at),
        )
    return workflow


def _prepare(old: Run, workflow: Workflow, definition: Which) -> Plan:
    """Return the plan of the new run. Raises Conflict, Invalid."""
    is_current = definition == "current"
    revision = workflow.revision if is_current else old.revision
    try:
        return prepare(workflow, revision, old.parameters)
    except Invalid as refused:
        if not all(error.field.startswith("/parameters") for error in refused.errors):
            raise
        # The parameters came with the old run, not with this request: a conflict, not an error.
        or_same = " Or run it again with the definition that it had." if is_current else ""
        raise Conflict(
            f"The parameters of run #{old.number} no longer fit the definition: "
            f"{refused.errors[0].message} Start a new run with parameters that fit.{or_same}",
            code="parameters_do_not_fit",
            details=[FieldError("/definition", e.code, e.message) for e in refused.errors],
        ) from None


def _reused(old: Run, earlier: Earlier, plan: Plan, storage: Callable[[], Storage]) -> Reused:
    if old.status == SUCCEEDED:
        raise conflict(
            "nothing_failed",
            "Nothing failed in this run; run it again from the start.",
            f"The run is {old.status}.",
            status=old.status,
        )
    require_answers(earlier.steps.values())
    reused = choose(plan, earlier)
    _check_releases(reused.steps.values(), old.project_id, storage)
    return reused


def _check_releases(
    steps: Iterable[StepRun], project_id: str, storage: Callable[[], Storage]
) -> None:
    """Check that each package that the steps released in their project is still intact.

    Raises Conflict, which names each package that is not, and StorageUnavailable.
    """
    makers = {step.release_id: step.name for step in steps if step.release_id is not None}
    if not makers:
        return
    mine = Release.id.in_(list(makers)) & (Ingredient.project == project_id)
    releases = list(Release.select().join(Ingredient).where(mine))
    found = {release.id for release in releases}
    damaged = [
        f"The release that {name} made does not exist any more."
        for release_id, name in makers.items()
        if release_id not in found
    ]
    damaged += _damaged(artifacts_of(releases), storage)
    if damaged:
        raise Conflict(
            f"The releases of this run cannot be reused. {damaged[0]} Run it again from the start.",
            code="release_damaged",
            details=[FieldError("", "release_damaged", message) for message in damaged],
        )


def _damaged(artifacts: Sequence[Artifact], storage: Callable[[], Storage]) -> list[str]:
    """Return a sentence for each package that is missing or damaged. Raises StorageUnavailable.

    The request waits for it, some two seconds for each GB on a local disk. It takes 1 MiB of memory
    whatever the size, holds no transaction, and lets other requests proceed.
    """
    if not artifacts:
        return []
    try:
        opened = storage()
        wrong = {sha256: _damage(opened, sha256) for sha256 in {a.sha256 for a in artifacts}}
    except (SettingError, OSError) as error:
        raise StorageUnavailable(
            "The releases of this run cannot be checked, because the storage does not answer "
            f"({error}). Try again later, or run it again from the start."
        ) from error
    return [f"{artifact}: {why}" for artifact in artifacts if (why := wrong[artifact.sha256])]


def _damage(storage: Storage, sha256: str) -> str:
    try:
        storage.verify(sha256)
    except StorageError as error:
        return str(error)
    return ""


def _take_over(reused: Reused, old: Run) -> None:
    """Store what is reused, in the transaction of the new run, before it is advanced."""
    _require_unchanged(reused, old)
    at = now()
    for step_id, step in reused.steps.items():
        StepRun.update(
            status=SUCCEEDED,
            completed_at=at,
            message=step.message if step.kept_from else f"Reused from run #{old.number}.",
            release_id=step.release_id,
            deployment_id=step.deployment_id,
            test_counts=step.test_counts,
            log_size=step.log_size,
            kept_from=step.kept_from or step.id,
        ).where(StepRun.id == step_id).execute()
    for stage_id, stage in reused.decisions.items():
        StageRun.update(
            decision=stage.decision,
            decided_by=stage.decided_by,
            decided_at=stage.decided_at,
            comment=stage.comment,
        ).where(StageRun.id == stage_id).execute()


def _require_unchanged(reused: Reused, old: Run) -> None:
    """Raise NotFound if a reused step was deleted after it was read.

    Deleting a run locks its workflow's row, as the caller does, so it cannot happen from now on.
    """
    ids = {step.kept_from or step.id for step in reused.steps.values()}
    if StepRun.select().where(StepRun.id.in_(ids)).count() < len(ids):
        raise missing("run", old.id)

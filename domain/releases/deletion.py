"""Delete a release unless something still needs it."""

from collections.abc import Iterator
from typing import Any

from peewee import fn

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.definitions.references import ReleaseReference, artifact_path, release_reference
from domain.errors import Conflict, FieldError, state
from domain.models import (
    Deployment,
    Environment,
    Package,
    Release,
    Run,
    StepRun,
    StepSpec,
    locked,
    write,
)
from domain.releases import deployments
from domain.releases.garbage_collection import discard
from domain.releases.releases import never_number_again
from domain.statuses import LIVE


def delete_release(release: Release, *, actor: Actor) -> None:
    """Delete a release that nothing needs. Automatic numbering never reuses its number.

    Files that no other release has are deleted later; see domain/releases/garbage_collection.py.
    Raises Conflict `release_in_use`, NotFound if it was deleted meanwhile.
    """
    project_id = release.ingredient.project_id
    with write():
        never_number_again(release.ingredient_id, release.version)
        # On PostgreSQL the lock keeps deployments from starting, as their rows refer to this one.
        if locked(Release.select().where(Release.id == release.id)).first() is None:
            raise missing("release", release.id)
        uses = [*_deployments_of(release), *_runs_that_need(release, project_id)]
        if uses:
            raise Conflict(
                f"{release.ingredient_id}@{release.version} is still in use. {uses[0].message}",
                code="release_in_use",
                details=uses,
            )
        packages = Package.select(Package.sha256).where(Package.release == release.id)
        discard(sha256 for (sha256,) in packages.tuples())
        _note_in_deployments(release)
        Release.delete().where(Release.id == release.id).execute()
        audit.record(
            actor,
            "delete",
            "release",
            release.id,
            project_id=project_id,
            detail={"ingredientId": release.ingredient_id, "version": release.version},
        )


def _deployments_of(release: Release) -> Iterator[FieldError]:
    """Yield the deployments that are current, may be current, or are in progress."""
    of_release = Deployment.release == release.id
    ever = Deployment.select(Deployment.environment).where(of_release)
    environments = list(Environment.select().where(Environment.id.in_(ever)))
    names = {environment.id: environment.name for environment in environments}
    current, lost = deployments.deployed_now(environments), deployments.lost_in(environments)
    in_progress = Deployment.select().where(of_release & Deployment.status.in_(LIVE))
    for code, rows, message in (
        ("deployed", current.values(), "It is deployed to {}."),
        ("outcome_unknown", lost.values(), "It may be deployed to {}."),
        ("run_in_progress", in_progress, "It is being deployed to {}."),
    ):
        for row in sorted(rows, key=lambda row: row.id):
            if row.release_id == release.id:
                name = names[row.environment_id]
                facts = {"environment": name, "deploymentId": row.id, "runId": row.run_id}
                yield state(code, message.format(name), **facts)


def _note_in_deployments(release: Release) -> None:
    """Name the release in its deployments, whose history would lose it otherwise."""
    note = f" It was {release.ingredient_id}@{release.version}, which is deleted."
    Deployment.update(message=fn.TRIM(Deployment.message.concat(note))).where(
        Deployment.release == release.id
    ).execute()


def _runs_that_need(release: Release, project_id: str) -> Iterator[FieldError]:
    """Yield the runs in progress that created it, or that have an unfinished step naming it."""
    later = Release.select().where(
        (Release.ingredient == release.ingredient_id) & (Release.id > release.id)
    )
    is_latest = not later.exists()
    may_name = StepRun.status.in_(LIVE) & (StepRun.type != "Build")
    steps = (
        StepRun.select(StepRun, StepSpec.spec, Run.id, Run.number)
        .join(StepSpec)
        .switch(StepRun)
        .join(Run)
        .where(
            (Run.project_id == project_id)
            & Run.completed_at.is_null()
            & ((StepRun.release_id == release.id) | may_name)
        )
        .order_by(Run.id, StepRun.id)
    )
    seen = set()
    for step in steps.iterator():
        needs = step.release_id == release.id or refers_to(
            step.type, step.stepspec.spec, release, is_latest
        )
        if needs and step.run_id not in seen:
            seen.add(step.run_id)
            message = f"Run #{step.run.number}, which is in progress, needs it for {step.name}."
            yield state("run_in_progress", message, runId=step.run_id, stepRunId=step.id)


def refers_to(kind: str, spec: dict[str, Any], release: Release, is_latest: bool) -> bool:
    """Return whether the step of a spec will look for this release. Pure.

    is_latest: the release is the newest of its ingredient, so `@latest` means it.
    """
    return any(_means(reference, release, is_latest) for reference in _references(kind, spec))


def _references(kind: str, spec: dict[str, Any]) -> Iterator[ReleaseReference]:
    """Yield the releases that a step names, besides those that its run builds."""
    if kind == "Test":
        for text in spec["releaseIds"]:
            if reference := release_reference(text):
                yield reference
    elif kind == "Deploy":
        artifact = artifact_path(spec["artifactPath"])
        if artifact and artifact.ingredient:
            yield ReleaseReference(None, artifact.ingredient, artifact.version)


def _means(reference: ReleaseReference, release: Release, is_latest: bool) -> bool:
    if reference.id is not None:
        return reference.id == release.id
    if reference.ingredient != release.ingredient_id:
        return False
    return reference.version == release.version or (reference.version == "latest" and is_latest)

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


def remove_release(release: Release, *, actor: Actor) -> None:
    """Remove a release that nothing needs now. Its number is never given again by itself.

    Its files go later, if no other release has the same; see domain/releases/garbage_collection.py.
    Raises Conflict `release_in_use`, NotFound when somebody else was faster.
    """
    project_id = release.ingredient.project_id
    with write():
        never_number_again(release.ingredient_id, release.version)
        # From here on no deployment of it can begin on PostgreSQL, whose row would refer to this.
        if locked(Release.select().where(Release.id == release.id)).first() is None:
            raise missing("release", release.id)
        needed = [*_deployments_of(release), *_runs_that_need(release, project_id)]
        if needed:
            raise Conflict(
                f"{release.ingredient_id}@{release.version} is still needed. {needed[0].message}",
                code="release_in_use",
                details=needed,
            )
        of_it = Package.release == release.id
        discard(sha256 for (sha256,) in Package.select(Package.sha256).where(of_it).tuples())
        _tell_deployments(release)
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
    """Where it is now, may be, or is just being put."""
    ever = Deployment.select(Deployment.environment).where(Deployment.release == release.id)
    environments = list(Environment.select().where(Environment.id.in_(ever)))
    names = {environment.id: environment.name for environment in environments}
    for code, found, says in (
        ("deployed", deployments.deployed_now(environments), "It is deployed to"),
        ("outcome_unknown", deployments.lost_in(environments), "Nobody knows whether it is in"),
    ):
        for place, deployment in sorted(found.items()):
            if deployment.release_id == release.id:
                yield _deployment(code, f"{says} {names[place]}.", names[place], deployment)
    under_way = (Deployment.release == release.id) & Deployment.status.in_(LIVE)
    for deployment in Deployment.select().where(under_way).order_by(Deployment.id):
        place = names[deployment.environment_id]
        yield _deployment("run_in_progress", f"It is being put to {place}.", place, deployment)


def _tell_deployments(release: Release) -> None:
    """So that their history still says what was deployed."""
    said = f" It was {release.ingredient_id}@{release.version}, which is deleted."
    Deployment.update(message=fn.TRIM(Deployment.message.concat(said))).where(
        Deployment.release == release.id
    ).execute()


def _deployment(code: str, message: str, place: str, row: Deployment) -> FieldError:
    return state(code, message, environment=place, deploymentId=row.id, runId=row.run_id)


def _runs_that_need(release: Release, project_id: str) -> Iterator[FieldError]:
    """The runs in progress that have made it, or in which a step that has not ended names it."""
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
    told = set()
    for step in steps.iterator():
        needs = step.release_id == release.id or names(
            step.type, step.stepspec.spec, release, is_latest
        )
        if needs and step.run_id not in told:
            told.add(step.run_id)
            message = f"Run #{step.run.number}, which is in progress, needs it for {step.name}."
            yield state("run_in_progress", message, runId=step.run_id, stepRunId=step.id)


def names(kind: str, spec: dict[str, Any], release: Release, is_latest: bool) -> bool:
    """Whether a step, as its spec says, will look for this release. Pure.

    is_latest: it is the newest of its ingredient, so `@latest` means it.
    """
    return any(_means(wanted, release, is_latest) for wanted in _references(kind, spec))


def _references(kind: str, spec: dict[str, Any]) -> Iterator[ReleaseReference]:
    """What a step names; what its run has built is not named."""
    if kind == "Test":
        for text in spec["releaseIds"]:
            if reference := release_reference(text):
                yield reference
    elif kind == "Deploy":
        artifact = artifact_path(spec["artifactPath"])
        if artifact and artifact.ingredient:
            yield ReleaseReference(None, artifact.ingredient, artifact.version)


def _means(wanted: ReleaseReference, release: Release, is_latest: bool) -> bool:
    if wanted.id is not None:
        return wanted.id == release.id
    if wanted.ingredient != release.ingredient_id:
        return False
    return wanted.version == release.version or (wanted.version == "latest" and is_latest)

"""Deployments: one row for each try to put something into an environment."""

from collections.abc import Iterable

from peewee import JOIN

from domain.clock import now
from domain.engine.advance import touch
from domain.engine.types import Claim
from domain.models import Deployment, Environment, Release, StepRun
from domain.releases.artifacts import Artifact
from domain.statuses import RUNNING, SUCCEEDED

# What became of the outside when a worker was lost in the middle of a deployment.
UNKNOWN = "unknown"
HAPPENED = "happened"
DID_NOT = "did_not"


def begin(held: Claim, environment_id: str, artifact: Artifact, deployed_by: str) -> str:
    """Note, inside the caller's transaction, that the outside is about to be touched; its id.

    Before, not after: whatever becomes of the worker, somebody can see what was under way. Once
    for each attempt, also when the caller repeats its transaction since no answer came.
    """
    this_attempt = (Deployment.step_run_id == held.step_id) & (Deployment.attempt == held.attempt)
    if begun := Deployment.get_or_none(this_attempt):
        return str(begun.id)
    deployment = Deployment.create(
        environment=environment_id,
        status=RUNNING,
        release=artifact.release_id,
        artifact=artifact.path,
        sha256=artifact.sha256,
        run_id=held.run_id,
        step_run_id=held.step_id,
        attempt=held.attempt,
        deployed_by=deployed_by,
    )
    StepRun.update(deployment_id=deployment.id).where(StepRun.id == held.step_id).execute()
    touch(held.run_id)
    return str(deployment.id)


def end(step_run_id: str, status: str, message: str) -> None:
    """End, inside the caller's transaction, what the step has begun and not ended; if anything."""
    Deployment.update(status=status, message=message, completed_at=now()).where(
        (Deployment.step_run_id == step_run_id) & (Deployment.status == RUNNING)
    ).execute()


def of_steps(steps: Iterable[StepRun]) -> list[Deployment]:
    """What the steps did last to the outside, in their order, each with its environment.

    Of a step that a rerun kept, what it did in the run that it was kept from.
    """
    ids = [step.deployment_id for step in steps if step.deployment_id is not None]
    if not ids:
        return []
    rows = (
        Deployment.select(Deployment, Environment, Release)
        .join(Environment)
        .switch(Deployment)
        .join(Release, JOIN.LEFT_OUTER)
        .where(Deployment.id.in_(ids))
    )
    found = {row.id: row for row in rows}
    return [found[key] for key in dict.fromkeys(ids) if key in found]


def last_good(environment_id: str) -> str | None:
    """What the newest deployment that succeeded put there, such as `engine@1.2:engine.zip`."""
    newest = (
        Deployment.select(Deployment, Release)
        .join(Release, JOIN.LEFT_OUTER)
        .where((Deployment.environment == environment_id) & (Deployment.status == SUCCEEDED))
        .order_by(Deployment.id.desc())
        .first()
    )
    if newest is None:
        return None
    release = newest.release
    return (
        f"{release.ingredient_id}@{release.version}:{newest.artifact}"
        if release
        else newest.artifact
    )

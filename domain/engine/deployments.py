"""Deployments: one row for each try to put something into an environment."""

from domain.clock import now
from domain.engine.types import Claim
from domain.models import Deployment, StepRun
from domain.models.run_facts import touch
from domain.releases.artifacts import Artifact
from domain.statuses import RUNNING


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

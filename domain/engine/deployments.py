"""Deployments: one row for each attempt to deploy to an environment."""

from domain.clock import now
from domain.engine.types import Claim
from domain.models import Deployment, StepRun
from domain.models.run_facts import touch
from domain.releases.artifacts import Artifact
from domain.statuses import RUNNING


def begin(held: Claim, environment_id: str, artifact: Artifact, deployed_by: str) -> str:
    """Record in the caller's transaction that a deployment begins, and return its id.

    It is recorded before it happens, so that it is known even if the worker dies. A caller that
    repeats its transaction gets the same deployment: there is one per attempt.
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
    """End the running deployment of the step, if there is one, in the caller's transaction."""
    Deployment.update(status=status, message=message, completed_at=now()).where(
        (Deployment.step_run_id == step_run_id) & (Deployment.status == RUNNING)
    ).execute()

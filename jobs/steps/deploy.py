"""Deploy: deliver one artifact to one environment, and record the deployment."""

from domain.definitions.references import artifact_path
from domain.engine import StepFailed, deployments, owned
from domain.releases import deployments as release_deployments
from domain.releases.artifacts import Artifact, NoSingleMatch, choose
from domain.releases.releases import (
    artifacts_of,
    check_version,
    releases_of_run,
    resolve_references,
)
from domain.releases.storage import open_storage
from domain.settings import SettingError
from domain.statuses import FAILED, SUCCEEDED
from jobs.shared.db_retry import until_answered
from jobs.steps.context import Outcome, StepContext
from jobs.steps.drivers import DRIVERS, Delivery
from jobs.steps.environment import prepare_folders


def run(context: StepContext) -> Outcome:
    """Choose the artifact, record the start, and give the driver a checked copy."""
    artifact = until_answered(lambda: _artifact(context))
    check_version(artifact.version)  # it names a folder of the target, and its row is not signed
    folders = prepare_folders(context)
    file = context.folder / "artifact" / artifact.path.rpartition("/")[2]
    open_storage(context.settings).copy_to(artifact.sha256, file)
    context.log.note(f"Deploying {artifact} to {context.spec['target']}.")
    until_answered(lambda: _begin(context, artifact))
    outcome = _deliver(Delivery(context, folders, artifact, file))
    if outcome.status != SUCCEEDED:
        outcome.message = f"{outcome.message} {_still_deployed(context)}"
    return outcome


def _artifact(context: StepContext) -> Artifact:
    path = artifact_path(context.spec["artifactPath"])
    if path is None:
        raise StepFailed(f"{context.spec['artifactPath']!r} is not an artifact path.")
    run_id = context.claim.run_id
    if path.ingredient is None:
        releases = releases_of_run(run_id, context.project_id)
    else:
        reference = f"{path.ingredient}@{path.version}"
        releases = resolve_references([reference], run_id, context.project_id)
    try:
        return choose(path.path, artifacts_of(releases))
    except NoSingleMatch as failure:
        raise StepFailed(str(failure)) from None


def _begin(context: StepContext, artifact: Artifact) -> None:
    with owned(context.claim):
        deployments.begin(
            context.claim, context.spec["environmentId"], artifact, context.triggered_by
        )


def _deliver(delivery: Delivery) -> Outcome:
    driver = DRIVERS[delivery.context.spec["driver"]]
    try:
        return driver(delivery)
    except (StepFailed, SettingError) as failure:
        return Outcome(FAILED, str(failure))
    except OSError as error:
        return Outcome(FAILED, f"The deployment failed: {error}.")


def _still_deployed(context: StepContext) -> str:
    """Describe the state of the environment after a failed deployment."""
    last = until_answered(lambda: release_deployments.last_good(context.spec["environmentId"]))
    if context.spec["driver"] == "directory":
        return f"{last} is still deployed." if last else "Nothing is deployed there yet."
    return f"Partial changes may remain. The last successful deployment there: {last or 'none'}."

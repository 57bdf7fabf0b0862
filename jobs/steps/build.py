"""Build: the files that a script creates become the packages of a new release."""

from typing import Any

from domain.engine import StepFailed
from domain.releases.releases import NewPackage, check_version, record_release
from domain.releases.storage import open_storage
from domain.statuses import FAILED, SUCCEEDED
from jobs.scripts.masking import Masker
from jobs.steps.context import Outcome, StepContext, outcome_of
from jobs.steps.environment import Folders, build_environment, prepare_folders
from jobs.steps.files import files_in, read_text

MAX_VERSION_BYTES = 1000


def run(context: StepContext) -> Outcome:
    """Run the script and store the files in $GALLEY_OUTPUT, which `record` releases."""
    folders = prepare_folders(context)
    environment = build_environment(context, folders)
    result = context.run_script(context.spec["script"], environment, folders.workspace)
    outcome = outcome_of(result)
    if outcome.status != SUCCEEDED:
        return outcome
    try:
        version = _version(context, folders)
        packages = _store(context, folders)
    except StepFailed as failure:
        return Outcome(FAILED, str(failure), result.exit_code)
    outcome.record = lambda: _release(context, version, packages)
    return outcome


def _version(context: StepContext, folders: Folders) -> str | None:
    """Return the version that the script wrote, else the run's parameter.

    Returns None to use the next whole number.
    """
    written = read_text(folders.version_file, "$GALLEY_VERSION_FILE", MAX_VERSION_BYTES).strip()
    version = written or str(context.parameters.get("version", "")).strip()
    source = "$GALLEY_VERSION_FILE" if written else "the run's parameters"
    _check_no_secret(context, version, f"The version in {source}")
    return check_version(version) if version else None


def _store(context: StepContext, folders: Folders) -> list[NewPackage]:
    storage = open_storage(context.settings)
    packages = []
    for path, file in files_in(folders.output, "$GALLEY_OUTPUT", mask=context.log.mask):
        _check_no_secret(context, path, "The name of a file in $GALLEY_OUTPUT")
        try:
            stored = storage.put(file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StepFailed(
                f"{path} could not be stored: {reason}. Nothing was released."
            ) from error
        packages.append(NewPackage(path, stored.size, stored.sha256))
        context.log.note(f"Stored {path}: {stored.size:,} bytes, SHA-256 {stored.sha256}.")
    if not packages:
        raise StepFailed(
            "The script left no file in $GALLEY_OUTPUT, so there is nothing to release."
        )
    return packages


def _check_no_secret(context: StepContext, text: str, label: str) -> None:
    """Refuse a public name that holds a secret: a masked one would be useless."""
    if context.log.mask(text) == text:
        return
    raw = text.encode()
    found = [name for name, value in context.secrets.items() if Masker([value]).mask(raw) != raw]
    raise StepFailed(f"{label} holds the secret {', '.join(found)}. Nothing was released.")


def _release(
    context: StepContext, version: str | None, packages: list[NewPackage]
) -> dict[str, Any]:
    release_id = record_release(
        ingredient_id=context.spec["ingredientId"],
        version=version,
        packages=packages,
        run_id=context.claim.run_id,
        step_run_id=context.claim.step_id,
        created_by=context.triggered_by,
    )
    return {"release_id": release_id}

"""The folders and environment variables of a script, independent of the worker's own."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from domain.definitions.parameters import variable_name
from jobs.scripts.process_tree import COOKIE
from jobs.steps.context import StepContext

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Folders:
    """The folders and files of an attempt, all below its own folder."""

    workspace: Path
    temporary: Path
    output: Path
    reports: Path
    releases: Path
    version_file: Path
    parameters: Path


def prepare_folders(context: StepContext) -> Folders:
    """Create the folders of an attempt and the file of its parameters."""
    root = context.folder
    folders = Folders(
        workspace=root / "workspace",
        temporary=root / "tmp",
        output=root / "output",
        reports=root / "reports",
        releases=root / "releases",
        version_file=root / "version",
        parameters=root / "parameters.json",
    )
    for name in ("workspace", "tmp", "output", "reports", "releases"):
        (root / name).mkdir()
    folders.parameters.write_text(json.dumps(context.parameters, ensure_ascii=False), "utf-8")
    return folders


def build_environment(context: StepContext, folders: Folders) -> dict[str, str]:
    """Return the whole environment of a script. No secret can override another variable."""
    claim = context.claim
    return {
        **context.secrets,
        "PATH": _search_path(context.settings.step_path),
        "HOME": str(folders.workspace),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folders.temporary),
        "CI": "true",
        **{variable_name(name): _text(value) for name, value in context.parameters.items()},
        "GALLEY_PROJECT": context.project_id,
        "GALLEY_WORKFLOW": context.workflow_name,
        "GALLEY_RUN_ID": claim.run_id,
        "GALLEY_RUN_NUMBER": str(context.run_number),
        "GALLEY_STAGE": context.stage_name,
        "GALLEY_STEP": context.step_name,
        "GALLEY_ATTEMPT": str(claim.attempt),
        "GALLEY_PARAMETERS": str(folders.parameters),
        "GALLEY_OUTPUT": str(folders.output),
        "GALLEY_VERSION_FILE": str(folders.version_file),
        "GALLEY_REPORTS": str(folders.reports),
        "GALLEY_RELEASES": str(folders.releases),
        COOKIE: f"{claim.step_id}.{claim.attempt}",
    }


def _search_path(given: str | None) -> str:
    """Return the configured PATH of scripts, else the usual one.

    The latter ends with the folder of Galley's own Python, so scripts always find a `python3`.
    """
    own = str(Path(sys.base_prefix, "bin"))
    if given or own in SYSTEM_PATH.split(":"):
        return given or SYSTEM_PATH
    return f"{SYSTEM_PATH}:{own}"


def _text(value: str | int | float | bool) -> str:
    """Format numbers and booleans as in JSON: `true`, not Python's `True`."""
    return value if isinstance(value, str) else json.dumps(value)

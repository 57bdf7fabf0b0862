"""The sample project of a first start: small, but everything in it works.

Its scripts and sources are the files in `sample/`. A line `# embed: NAME` of a script is replaced
by commands that write that file or folder, so a script needs no other files.
"""

import contextlib
from pathlib import Path
from typing import Any

from domain.accounts.access import Actor
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.errors import Conflict
from domain.models import Project
from domain.projects import environments, projects, test_suites
from domain.releases import ingredients
from domain.settings import CHECKOUT
from domain.workflows import workflows

PROJECT = "sample"
FOLDER = CHECKOUT / "sample"

_EMBED = "# embed: "
_END = "END_OF_FILE"


def create_sample(actor: Actor, data_dir: Path) -> None:
    """Create the project and its workflow, except for existing parts.

    data_dir: the parent of the deployment folders.
    """
    with contextlib.suppress(Conflict):
        projects.create_project(
            actor, PROJECT, "Sample", "A small program and its handbook, built on every run."
        )
    project = Project.get_by_id(PROJECT)
    for ingredient_id, name, description in (
        ("larder", "Larder", "Scales recipes: a program in one file."),
        ("larder-handbook", "Larder handbook", "What larder can do, as a page."),
    ):
        with contextlib.suppress(Conflict):
            ingredients.create_ingredient(actor, project, ingredient_id, name, description)
    for name, description in (
        ("unit-tests", "The unit tests of larder."),
        ("smoke-test", "Tries the released program."),
    ):
        suite = {"script": script(f"{name}.sh"), "description": description}
        test_suites.put_test_suite(actor, project, name, suite)
    for name, description in (
        ("galley", "Where the cook uses larder."),
        ("library", "Where the handbook can be read."),
    ):
        settings = {"path": str(data_dir / "deployed" / name), "keep": 5}
        environment = {"driver": "directory", "settings": settings, "description": description}
        environments.put_environment(actor, project, name, environment)
    with contextlib.suppress(Conflict):
        workflows.create(parse(_workflow(), NewWorkflow), actor=actor)


def script(name: str) -> str:
    """Return a script of the sample with its embedded files."""
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return "\n".join(map(_embed, lines)) + "\n"


def _embed(line: str) -> str:
    if not line.startswith(_EMBED):
        return line
    path = FOLDER / line.removeprefix(_EMBED)
    files = sorted(path.glob("*.*")) if path.is_dir() else [path]
    commands = [f"mkdir -p {path.name}"] if path.is_dir() else []
    for file in files:
        name = file.relative_to(FOLDER)
        commands += [f"cat > {name} <<'{_END}'", file.read_text("utf-8").rstrip("\n"), _END]
    return "\n".join(commands)


def _workflow() -> dict[str, Any]:
    return {
        "name": "Larder",
        "projectId": PROJECT,
        "description": "Builds, tests and deploys a small program and its handbook.",
        "parameters": [
            {
                "name": "version",
                "type": "string",
                "description": "The version to release. Default: 1.0.<number of the run>.",
            }
        ],
        "stages": [
            _stage(
                1,
                "Build",
                _step("Program", "Build", ingredientId="larder", buildScript="build-program.sh"),
                _step(
                    "Handbook",
                    "Build",
                    ingredientId="larder-handbook",
                    buildScript="build-handbook.sh",
                ),
            ),
            _stage(
                2,
                "Test",
                _step("Unit tests", "Test", testSuite="unit-tests", releaseIds=["larder@run"]),
                _step("Smoke test", "Test", testSuite="smoke-test", releaseIds=["larder@run"]),
            ),
            _stage(
                3,
                "Deploy",
                _step("To the galley", "Deploy", target="galley", artifactPath="larder-*.zip"),
                _step("To the library", "Deploy", target="library", artifactPath="handbook.html"),
            ),
        ],
    }


def _stage(order: int, name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "order": order, "steps": list(steps)}


def _step(name: str, kind: str, **configuration: Any) -> dict[str, Any]:
    if "buildScript" in configuration:
        configuration["buildScript"] = script(configuration["buildScript"])
    return {"name": name, "type": kind, "timeoutSeconds": 300, "configuration": configuration}

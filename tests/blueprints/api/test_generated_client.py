"""A client that a public generator makes from the document does a day's work, unchanged."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from bench.stack import Stack
from tests.resilience.whole import Galley
from tests.support import contract
from tests.support.wait import eventually


class Generated:
    """The generated package; modules are imported when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._package = folder, folder.name

    def module(self, path: str) -> ModuleType:
        return importlib.import_module(f"{self._package}.{path}")

    def model(self, name: str) -> Any:
        return getattr(self.module("models"), name)

    def call(self, name: str, *address: str, client: Any, **more: Any) -> Any:
        """The typed answer of one call."""
        (file,) = (self._folder / "api").glob(f"*/{name}.py")
        return self.module(f"api.{file.parent.name}.{name}").sync(*address, client=client, **more)


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generated:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(contract.DOCUMENT))
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", document, "--output-path", tmp_path / "galley_client"),
            *("--fail-on-warning", "--config", tmp_path / "config.json"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(tmp_path)
    return Generated(tmp_path / "galley_client")


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> None:
    """The generator's own settings. Its code is run, not looked at: it need not be formatted."""
    settings = {
        "post_hooks": [],
        "content_type_overrides": {"application/zip": "application/octet-stream"},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))


@pytest.mark.galley
def test_it_makes_a_workflow_starts_a_run_and_reads_its_result(
    generated: Generated, shared_stack: Stack
) -> None:
    with shared_stack.client() as api, signed_in(generated, api) as client:
        galley = Galley(shared_stack, api)
        made = generated.call("create_workflow", client=client, body=workflow(generated, galley))
        assert made.revision == 1
        assert made.stages[0].steps[0].configuration.build_script.startswith("echo")
        started = generated.call("start_run", made.id, client=client)
        run = ended(generated, started.run_id, client)
        assert run.status == "Succeeded"
        assert [stage.stage_name for stage in run.stage_runs] == ["Build"]
        assert run.stage_runs[0].step_runs[0].exit_code == 0
        assert run.releases[0].packages[0].path == "hello.txt"
        listed = generated.call("list_runs", client=client, workflow_id=made.id)
        assert [item.id for item in listed.items] == [run.id]
        missing = generated.call("get_run", "0" * 24, client=client)
        assert missing.error.code == "not_found"


def signed_in(generated: Generated, api: httpx.Client) -> Any:
    token = api.headers["Authorization"].removeprefix("Bearer ")
    return generated.module("client").AuthenticatedClient(
        base_url=str(api.base_url).rstrip("/"), token=token
    )


def workflow(generated: Generated, galley: Galley) -> Any:
    return generated.model("NewWorkflow")(
        name="Greetings",
        project_id=galley.project,
        stages=[
            generated.model("StageInput")(
                name="Build",
                order=1,
                steps=[
                    generated.model("BuildStepInput")(
                        name="greet",
                        type_="Build",
                        configuration=generated.model("BuildConfigurationInput")(
                            ingredient_id=galley.duck,
                            build_script='echo hello > "$GALLEY_OUTPUT/hello.txt"',
                        ),
                    )
                ],
            )
        ],
    )


def ended(generated: Generated, run_id: str, client: Any) -> Any:
    def ask() -> Any:
        run = generated.call("get_run", run_id, client=client)
        return run if run.completed_at else None

    return eventually(ask, 30, "the run to end")

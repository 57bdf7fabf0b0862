"""A whole Galley for each test, whose processes are then killed."""

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.stack import Stack, running
from tests.conftest import KINDS
from tests.support.processes import descendants, is_alive
from tests.support.wait import eventually


class Galley:
    """A running Galley with a project `pond`, and what its tests ask of it."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self.stack = stack
        self.client = client
        self.folder = stack.data_dir.parent

    def send(self, method: str, path: str, body: Any = None) -> Any:
        response = self.client.request(method, path, json=body)
        assert not response.is_error, response.text
        return response.json()

    def run(self, *stages: list[dict[str, Any]]) -> str:
        """Store a workflow of these stages and start it: the run's id."""
        body = {
            "name": f"W{os.urandom(4).hex()}",
            "projectId": "pond",
            "stages": [
                {"name": f"stage {i}", "order": i, "steps": steps}
                for i, steps in enumerate(stages, 1)
            ],
        }
        workflow = self.send("POST", "/api/workflows", body)
        return self.send("POST", f"/api/workflows/{workflow['id']}/runs")["runId"]

    def get(self, run_id: str) -> dict[str, Any]:
        return self.send("GET", f"/api/workflowruns/{run_id}")

    def ended(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        finished = ("Succeeded", "Failed", "Cancelled")

        def ask() -> dict[str, Any] | None:
            run = self.get(run_id)
            return run if run["status"] in finished else None

        return eventually(ask, seconds, "the run to end")

    def steps(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        return [step for stage in run["stageRuns"] for step in stage["stepRuns"]]

    def log(self, run_id: str, step_id: str, attempt: int) -> str:
        path = f"/api/workflowruns/{run_id}/steps/{step_id}/logs?attempt={attempt}"
        return self.client.get(path).text

    def pids(self, part: str) -> list[int]:
        """Processes of this Galley whose command line has the word."""
        found = []
        for pid in descendants(self.stack.process.pid):
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if part in command:
                    found.append(pid)
        return found

    def kill(self, part: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal, kill -9 unless told otherwise, to one process of the part."""
        os.kill(self.pids(part)[0], signum)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The setting that names an empty database, of both kinds in turn."""
    if request.param == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres_server")
    name = f"galley_{uuid.uuid4().hex[:12]}"
    yield {"DATABASE_URL": server.create(name)}
    server.drop(name)


@pytest.fixture
def galley(tmp_path: Path, database_url: dict[str, str]) -> Iterator[Galley]:
    settings = {"GALLEY_KILL_GRACE_SECONDS": "1", **database_url}
    with (
        running(tmp_path / "data", workers=1, **settings) as (stack, _),
        stack.client() as client,
    ):
        galley = Galley(stack, client)
        galley.send("POST", "/api/projects", {"id": "pond", "name": "Pond"})
        duck = {"id": "duck", "projectId": "pond", "name": "Duck"}
        galley.send("POST", "/api/ingredients", duck)
        yield galley
        pids = descendants(stack.process.pid)
    eventually(lambda: not any(map(is_alive, pids)), 10, "every process to be gone")

"""A whole Galley, as `galley up` makes it, whose processes are to be killed."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from bench.stack import Stack, running
from tests.support.processes import descendants, is_alive
from tests.support.wait import eventually


class Galley:
    """A running Galley with a project that has the ingredient `duck`, and what tests ask of it."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self.stack = stack
        self.client = client
        self.use_new_project()

    def use_new_project(self) -> None:
        self.project = f"pond-{os.urandom(4).hex()}"
        self.duck = f"duck-{self.project}"
        self.send("POST", "/api/projects", {"id": self.project, "name": "Pond"})
        duck = {"id": self.duck, "projectId": self.project, "name": "Duck"}
        self.send("POST", "/api/ingredients", duck)

    def build(self, name: str, script: str) -> dict[str, Any]:
        """A Build step."""
        configuration = {"ingredientId": self.duck, "buildScript": script}
        return {"name": name, "type": "Build", "configuration": configuration}

    def send(self, method: str, path: str, body: Any = None) -> Any:
        response = self.client.request(method, path, json=body)
        assert not response.is_error, response.text
        return response.json()

    def run(self, *stages: list[dict[str, Any]]) -> str:
        """Store a workflow of these stages and start it: the run's id."""
        body = {
            "name": f"W{os.urandom(4).hex()}",
            "projectId": self.project,
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

    def come_back(self) -> None:
        """Wait until the web server answers."""

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return self.client.get("/healthz").is_success
            return False

        eventually(answers, 15, "the web server to answer")

    def kill(self, part: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal, kill -9 unless told otherwise, to one process of the part."""
        os.kill(self.pids(part)[0], signum)


@contextlib.contextmanager
def galley_on(data_dir: Path, workers: int = 1, **settings: str) -> Iterator[Galley]:
    """A Galley that runs until the end, and then leaves no process behind."""
    quick = {"GALLEY_KILL_GRACE_SECONDS": "1", **settings}
    with running(data_dir, workers=workers, **quick) as (stack, _), stack.client() as client:
        client.timeout = 10
        yield Galley(stack, client)
        pids = descendants(stack.process.pid)
    eventually(lambda: not any(map(is_alive, pids)), 10, "every process to be gone")

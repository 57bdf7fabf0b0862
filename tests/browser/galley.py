"""A whole Galley as `galley up` runs it, and things to run on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from domain.settings import CHECKOUT
from tests.support.wait import eventually
from tests.support.web import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "a password for tests"

FAILING_SUITE = """\
cat > "$GALLEY_REPORTS/unit.xml" <<'END'
<testsuite name="unit">
  <testcase name="flies"/>
  <testcase name="quacks"><failure message="It said &lt;b&gt;moo&lt;/b&gt;."/></testcase>
  <testcase name="swims"><failure message="It sank."/></testcase>
</testsuite>
END
exit 1
"""
PASSING_SUITE = FAILING_SUITE.replace("failure", "system-out").removesuffix("exit 1\n")
GATED_SCRIPT = """\
echo "waiting at the gate"
while [ ! -e "$GALLEY_PARAM_GATE.hello" ]; do sleep 0.02; done
echo "  hello <i>from inside</i>"
while [ ! -e "$GALLEY_PARAM_GATE" ]; do sleep 0.02; done
echo done > "$GALLEY_OUTPUT/done.txt"
"""


_numbers = itertools.count(1)


@dataclass(frozen=True)
class Galley:
    url: str
    folder: Path
    api: httpx.Client
    cookies: list[dict[str, str]]
    """Of somebody who is signed in, for a browser."""
    process: int
    """Of `galley up`."""

    def workflow(self, name: str) -> str:
        """The id of the workflow of that name."""
        found = self.api.get("/api/workflows", params={"search": name}).json()["items"]
        return str(next(item["id"] for item in found if item["name"] == name))

    def spare_workflow(self) -> str:
        """A workflow that nobody else looks at; its name."""
        name = f"Spare {next(_numbers)}"
        script = "echo > $GALLEY_OUTPUT/a"
        stages = _stages([_step("wheel", "Build", ingredientId="duck", buildScript=script)])
        body = {"name": name, "projectId": "pond", "stages": stages}
        _ok(self.api.post("/api/workflows", json=body))
        return name

    def start(self, name: str, **parameters: Any) -> str:
        """Start a run; its id."""
        path = f"/api/workflows/{self.workflow(name)}/runs"
        return str(_ok(self.api.post(path, json={"parameters": parameters})).json()["runId"])

    def turned(self) -> str:
        """The id of a run that failed after one that succeeded: its suite was changed between."""
        name, suite = f"Turning {next(_numbers)}", f"turning-{next(_numbers)}"
        build = _step("wheel", "Build", ingredientId="duck", buildScript="echo > $GALLEY_OUTPUT/a")
        stages = _stages([build], [_step("unit", "Test", testSuite=suite)])
        path = f"/api/projects/pond/testsuites/{suite}"
        _ok(self.api.put(path, json={"script": PASSING_SUITE}))
        body = {"name": name, "projectId": "pond", "stages": stages}
        _ok(self.api.post("/api/workflows", json=body))
        self.eventually(self.start(name), "Succeeded")
        _ok(self.api.put(path, json={"script": FAILING_SUITE}))
        return self.eventually(self.start(name), "Failed")

    def lose_outcome(self, run_id: str) -> None:
        """As if the worker of the run's last step had been lost while it deployed."""
        newest = "SELECT max(id) FROM step_run WHERE run_id = ?"
        change = f"UPDATE step_run SET outside_effect = 'unknown' WHERE id = ({newest})"
        path = self.folder / "data" / "galley.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            assert database.execute(change, [run_id]).rowcount == 1

    def abort(self, run_id: str) -> None:
        _ok(self.api.post(f"/api/workflowruns/{run_id}/abort"))

    def gate(self, name: str) -> Path:
        """What a run of `Gated` waits for to be there; before that, for the same with .hello."""
        return self.folder / f"gate-{name}"

    def eventually(self, run_id: str, status: str) -> str:
        """The id of the run once it has that status."""
        path = f"/api/workflowruns/{run_id}"
        eventually(lambda: self.api.get(path).json()["status"] == status, 20, f"{run_id} {status}")
        return run_id


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Galley]:
    """Everything on one machine, in a process tree that is gone afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "GALLEY_DATA_DIR": str(folder / "data"),
        "GALLEY_PORT": str(port),
        "GALLEY_WORKERS": "3",
        "GALLEY_KILL_GRACE_SECONDS": "1",
        "GALLEY_ADMIN_PASSWORD": PASSWORD,
    }
    output = folder / "output"
    with output.open("wb") as file:
        tree = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"],
            cwd=CHECKOUT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, lambda: tree.poll() is not None)
        assert tree.poll() is None, output.read_text()
        headers = {"Authorization": f"Bearer {_token(environment)}"}
        with httpx.Client(base_url=url, headers=headers) as api:
            _furnish(api)
            yield Galley(url, folder, api, _signed_in(url), tree.pid)
    finally:
        tree.send_signal(signal.SIGTERM)
        tree.wait(30)


def _token(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "cli", "token", "create", "admin", "--name", "tests"]
    made = subprocess.run(
        [*command, "--scope", "write"],
        cwd=CHECKOUT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def _signed_in(url: str) -> list[dict[str, str]]:
    with httpx.Client(base_url=url) as http:
        page = http.get("/login").text
        csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"username": "admin", "password": PASSWORD, "csrf_token": csrf}
        assert http.post("/login", data=form).status_code == 303
        return [{"name": name, "value": value, "url": url} for name, value in http.cookies.items()]


def _furnish(api: httpx.Client) -> None:
    """Workflows that fail, that wait, that ask; the sample that succeeds is there already."""
    _ok(api.post("/api/projects", json={"id": "pond", "name": "Pond"}))
    duck = {"id": "duck", "projectId": "pond", "name": "Duck"}
    _ok(api.post("/api/ingredients", json=duck))
    _ok(api.put("/api/projects/pond/testsuites/unit", json={"script": FAILING_SUITE}))
    nest = {"driver": "directory", "settings": {"path": "/nowhere/nest"}}
    _ok(api.put("/api/projects/pond/environments/nest", json=nest))
    build = _step("wheel", "Build", ingredientId="duck", buildScript="echo > $GALLEY_OUTPUT/a")
    fail = _step("unit", "Test", testSuite="unit")
    gate = _step("gate", "Build", ingredientId="duck", buildScript=GATED_SCRIPT)
    version = {"name": "version", "type": "string", "required": True}
    for name, more in (
        ("Failing", {"stages": _stages([build], [fail])}),
        ("Gated", {"stages": _stages([gate], [build])}),
        ("Gated and failing", {"stages": _stages([fail, gate])}),
        ("By people", {"stages": _by_people(build)}),
        ("Nobody's", {"stages": _stages([{**build, "queue": "nobody"}])}),
        ("Asking", {"stages": _stages([build]), "parameters": [version]}),
    ):
        _ok(api.post("/api/workflows", json={"name": name, "projectId": "pond", **more}))


def _by_people(build: dict[str, Any]) -> list[dict[str, Any]]:
    """First somebody completes a step, then somebody approves the next stage."""
    first, second = _stages([_step("elsewhere", "Build", ingredientId="duck")], [build])
    return [first, {**second, "approval": {"required": True, "roles": ["SuperUser"]}}]


def _ok(response: httpx.Response) -> httpx.Response:
    assert response.is_success, response.text
    return response


def _step(name: str, kind: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "configuration": configuration}


def _stages(*stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": f"stage {number}", "order": number, "steps": steps}
        for number, steps in enumerate(stages, 1)
    ]

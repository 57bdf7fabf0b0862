"""A running Galley, and the program `galley` in a pipe or on its own terminal."""

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.stack import Stack
from tests.support.wait import eventually

GALLEY = [sys.executable, "-m", "cli"]
ROWS, COLUMNS = 30, 110


@dataclass
class Server:
    """A Galley with the project `pond`, used as from another machine."""

    stack: Stack
    api: httpx.Client
    folder: Path
    token: str
    _names: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def environment(self) -> dict[str, str]:
        """The environment without the server's variables."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("GALLEY_")}
        elsewhere = {"GALLEY_DATA_DIR": str(self.folder / "elsewhere")}
        return {**plain, **elsewhere, "GALLEY_URL": self.stack.url, "GALLEY_TOKEN": self.token}

    def send(self, method: str, path: str, body: Any = None) -> Any:
        response = self.api.request(method, path, json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._names)}"

    def workflow(self, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Create a workflow with a single stage called Work."""
        stage = {"name": "Work", "order": 1, "steps": list(steps)}
        body = {"name": self.name("Flow"), "projectId": "pond", "stages": [stage], **more}
        made: dict[str, Any] = self.send("POST", "/api/workflows", body)
        return made

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.send("GET", f"/api/workflowruns/{run_id}")
        return found

    def last_run(self, workflow: dict[str, Any]) -> dict[str, Any] | None:
        query = {"workflowId": workflow["id"]}
        items = self.api.get("/api/workflowruns", params=query).json()["items"]
        return items[0] if items else None

    def eventually(self, workflow: dict[str, Any], status: str) -> str:
        """Return the id of the workflow's last run, once it has that status."""

        def ask() -> str | None:
            run = self.last_run(workflow)
            return run["id"] if run and run["status"] == status else None

        found = eventually(ask, 20, f"a run that is {status}")
        assert found
        return found

    def gate(self, name: str) -> Path:
        return self.folder / name


def step(script: str, name: str = "build", **more: Any) -> dict[str, Any]:
    configuration = {"ingredientId": "duck", "buildScript": script + '\n: > "$GALLEY_OUTPUT/a"'}
    return {"name": name, "type": "Build", "configuration": configuration, **more}


def wait_for(path: Path) -> str:
    """Return a script that waits for the file."""
    return f"while [ ! -e {path} ]; do sleep 0.02; done"


@dataclass
class Running:
    """A running program, whose output so far is in `out` and `err`."""

    process: subprocess.Popen[bytes]
    out_path: Path
    err_path: Path

    @property
    def out(self) -> str:
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    def says(self, text: str, seconds: float = 20) -> None:
        eventually(
            lambda: text in self.out + self.err, seconds, lambda: f"{text!r}: {self.out}{self.err}"
        )

    def interrupt(self) -> None:
        """Send SIGINT, like Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def ended(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)


def lines_of(text: str) -> list[str]:
    """Return the lines of a terminal without colors, with the overwritten ones."""
    erased = text.replace("\r", "").replace("\x1b[2K", "\n")
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", erased)
    return [line.rstrip() for line in plain.split("\n")]


@dataclass
class Terminal:
    """The output of a program on its own terminal."""

    process: subprocess.Popen[bytes]
    master: int
    written: bytes = b""

    def read_to_the_end(self, seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read(0.5):
            pass
        self.process.wait(5)
        return self.text

    def says(self, text: str, seconds: float = 20) -> None:
        """Wait for a text, ignoring colors."""
        deadline = time.monotonic() + seconds
        while text not in (seen := "\n".join(lines_of(self.text))):
            assert time.monotonic() < deadline, f"{text!r}: {seen}"
            self._read(0.1)

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        os.write(self.master, b"\x03")

    @property
    def text(self) -> str:
        return self.written.decode()

    def _read(self, seconds: float) -> bool:
        """Read more output, and return whether there may be more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.written += data
        return bool(data)


def start_on_a_terminal(arguments: list[str], environment: Mapping[str, str]) -> Terminal:
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (ROWS, COLUMNS))
    process = subprocess.Popen(
        [*GALLEY, *arguments],
        env=dict(environment),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        # Ctrl-C reaches only processes of this terminal.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    return Terminal(process, master)

"""The program against a real server, from a pipe and from a terminal."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.stack import Stack
from tests.commands.program import GALLEY, Running, Server, Terminal, start_on_a_terminal


@pytest.fixture(scope="session")
def server(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with shared_stack.client() as api:
        token = api.headers["Authorization"].removeprefix("Bearer ")
        found = Server(shared_stack, api, tmp_path_factory.mktemp("commands"), token)
        found.send("POST", "/api/projects", {"id": "pond", "name": "Pond"})
        duck = {"id": "duck", "projectId": "pond", "name": "Duck"}
        found.send("POST", "/api/ingredients", duck)
        yield found


Begin = Callable[..., Running]


@pytest.fixture
def begin(server: Server, tmp_path: Path) -> Iterator[Begin]:
    """Start the program without waiting for it."""
    begun: list[Running] = []

    def begin(*arguments: str, **environment: str) -> Running:
        out, err = (tmp_path / f"{name}{len(begun)}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*GALLEY, *arguments],
                env={**server.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        begun.append(Running(process, out, err))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


Galley = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def galley(server: Server) -> Galley:
    """Run the program in a pipe. None removes a variable from its environment."""

    def galley(
        *arguments: str, typed: str = "", **environment: str | None
    ) -> "subprocess.CompletedProcess[str]":
        full = {**server.environment, **environment}
        return subprocess.run(
            [*GALLEY, *arguments],
            env={name: value for name, value in full.items() if value is not None},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return galley


@pytest.fixture
def on_a_terminal(server: Server) -> Iterator[Callable[..., Terminal]]:
    """Start the program on its own terminal without waiting for it."""
    begun: list[Terminal] = []

    def start(*arguments: str, **environment: str) -> Terminal:
        full = {**server.environment, "TERM": "xterm", **environment}
        begun.append(start_on_a_terminal(list(arguments), full))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.wait()
        os.close(one.master)

"""Long polls at a real web server, which still answers other clients and can stop."""

import contextlib
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest

from bench.stack import running
from blueprints.shared.long_poll import PLACES
from jobs.setup.up import WEB_THREADS
from tests.commands.program import Server, step
from tests.support.wait import eventually


@pytest.fixture
def finished(server) -> str:
    """The address of a finished run."""
    workflow = server.workflow(step("true"))
    server.send("POST", f"/api/workflows/{workflow['id']}/runs")
    return f"/api/workflowruns/{server.eventually(workflow, 'Succeeded')}"


def ask(server: Server, path: str, wait: int) -> httpx.Response:
    """Wait for a change of a run."""
    headers = {"Authorization": f"Bearer {server.token}", "If-None-Match": "*"}
    url = f"{server.stack.url}{path}?wait={wait}"
    return httpx.get(url, headers=headers, timeout=90)


def has_place(server: Server, path: str) -> bool:
    return "Retry-After" not in ask(server, path, 1).headers


@contextlib.contextmanager
def all_places_taken(server: Server, path: str) -> Iterator[list[socket.socket]]:
    """Use all places with clients that wait for a minute."""
    with contextlib.ExitStack() as clients:
        waiting = []
        while has_place(server, path):  # which takes one itself, so some may come in vain
            waiting.append(clients.enter_context(begin_to_wait(server, path)))
        yield [client for client in waiting if not answer_so_far(client)]


def begin_to_wait(server: Server, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", int(server.stack.url.rpartition(":")[2])))
    request = (
        f"GET {path}?wait=60 HTTP/1.1\r\nHost: galley\r\nIf-None-Match: *\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    )
    client.sendall(request.encode())
    return client


def answer_so_far(client: socket.socket) -> bytes:
    try:
        return client.recv(4096, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_every_client_is_answered_however_many_wait(server, finished):
    with all_places_taken(server, finished) as clients:
        assert len(clients) == PLACES
        with contextlib.ExitStack() as others:
            more = [begin_to_wait(server, finished) for _ in range(2 * WEB_THREADS)]
            for client in more:
                others.enter_context(client).settimeout(10)
                assert b"retry-after: 2" in client.recv(4096).lower()
        for path in ("/healthz", "/api/workflowruns", finished):
            assert server.api.get(path, timeout=10).is_success


def test_a_closed_connection_frees_its_place(server, finished):
    with all_places_taken(server, finished):
        pass
    eventually(lambda: has_place(server, finished), 10, "a place to be free")


@pytest.mark.slow
def test_a_server_that_is_stopped_answers_waiting_clients(tmp_path):
    with running(tmp_path / "data", workers=1) as (stack, _), stack.client() as api:
        (larder,) = api.get("/api/workflows", params={"search": "Larder"}).json()["items"]
        run_id = api.post(f"/api/workflows/{larder['id']}/runs").json()["runId"]
        path = f"/api/workflowruns/{run_id}"
        eventually(lambda: api.get(path).json()["status"] == "Succeeded", 20, "the run to end")
        token = api.headers["Authorization"].removeprefix("Bearer ")
        with all_places_taken(Server(stack, api, tmp_path, token), path) as clients:
            stack.process.send_signal(signal.SIGTERM)
            for client in clients:
                client.settimeout(20)
                assert client.recv(4096).startswith(b"HTTP/1.1 304 ")

"""Servers that are unreachable, not Galley, or interrupted."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bench.stack import free_port
from client import Unreachable, following, retry
from client.http import Client
from tests.commands.program import step, wait_for


class Road:
    """A proxy before the server that can be closed and opened."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self.port = free_port()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.loses_answer_to: bytes | None = None
        """The beginning of a request whose response is lost once."""
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and cut the open ones."""
        assert self._listener is not None
        for one in (self._listener, *self._open):
            _cut(one)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [near, far]
            lost = threading.Event()
            for way in ((near, far, self._send_on), (far, near, self._send_back)):
                threading.Thread(target=_pass_on, args=(*way, lost), daemon=True).start()

    def _send_on(self, data: bytes, server: socket.socket, lost: threading.Event) -> None:
        if self.loses_answer_to and data.startswith(self.loses_answer_to):
            self.loses_answer_to = None
            lost.set()
        server.sendall(data)

    def _send_back(self, data: bytes, client: socket.socket, lost: threading.Event) -> None:
        if lost.is_set():
            raise ConnectionAbortedError
        client.sendall(data)


def _pass_on(
    source: socket.socket,
    target: socket.socket,
    send: Callable[[bytes, socket.socket, threading.Event], None],
    lost: threading.Event,
) -> None:
    try:
        while data := source.recv(65536):
            send(data, target, lost)
    except OSError:
        pass
    _cut(source)
    _cut(target)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.fixture
def road(server) -> Iterator[Road]:
    road = Road(int(server.stack.url.rpartition(":")[2]))
    yield road
    road.close()


def test_a_run_is_followed_on_after_the_network_was_away(server, begin, road):
    gate = server.gate(server.name("gate"))
    workflow = server.workflow(step(f"echo begun; {wait_for(gate)}; echo over"))
    running = begin("run", workflow["name"], "--follow", GALLEY_URL=road.url)
    running.says("build | begun")
    road.close()
    running.says(f"galley: {road.url} cannot be reached: ")
    gate.touch()
    server.eventually(workflow, "Succeeded")
    road.open()
    assert running.ended() == 0
    assert running.err.count("Retrying for 30 seconds.") == 1
    assert running.err.endswith("galley: The server answers again.\n")
    assert running.out.count("build | begun\n") == running.out.count("build | over\n") == 1


def test_a_start_whose_answer_is_lost_is_sent_again_and_starts_one_run(server, begin, road):
    workflow = server.workflow(step("true"))
    road.loses_answer_to = b"POST "
    started = begin("run", workflow["name"], GALLEY_URL=road.url)
    assert started.ended() == 0
    assert f"galley: {road.url} cannot be reached: " in started.err
    assert "galley: The server answers again.\n" in started.err
    runs = server.api.get("/api/workflowruns", params={"workflowId": workflow["id"]}).json()
    assert runs["totalCount"] == 1


def test_following_ends_when_the_server_stays_unreachable(monkeypatch):
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.5)
    warnings: list[str] = []

    class Watcher:
        warn = staticmethod(warnings.append)

    nobody = contextlib.closing(Client(f"http://127.0.0.1:{free_port()}", "gal_x"))
    begun = time.monotonic()
    with nobody as client, pytest.raises(Unreachable, match="cannot be reached"):
        following.follow(client, "0" * 24, Watcher())
    assert time.monotonic() - begun >= 0.5
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("run", "Larder"),
        ("workflow", "export", "Larder"),
        ("token", "list", "admin"),
        ("token", "revoke", "0" * 24),
        ("user", "add", "somebody", "--password", "a good password"),
        ("abort", "0" * 24),
    ],
)
def test_a_server_that_is_not_there_is_one_sentence(galley, command):
    url = f"http://127.0.0.1:{free_port()}"
    done = galley(*command, GALLEY_URL=url)
    assert done.returncode == 1
    assert done.stderr == (
        f"galley: {url} cannot be reached: Connection refused. Check that Galley runs "
        "there, or set GALLEY_URL to its address.\n"
    )


def test_an_unknown_host_name_is_reported_without_its_error_number(galley):
    done = galley("run", "Larder", GALLEY_URL="https://galley.invalid")
    assert done.returncode == 1
    assert "galley: https://galley.invalid cannot be reached: " in done.stderr
    assert "Errno" not in done.stderr


def test_a_refused_token_is_reported(server, galley):
    done = galley("run", "Larder", GALLEY_TOKEN="gal_wrong")
    assert done.returncode == 1
    url = server.stack.url
    assert done.stderr.startswith(f"galley: {url} does not accept GALLEY_TOKEN: This token is ")


@pytest.mark.parametrize("token", ["gal_ü", "a\nb", "gal_\x7f"])
def test_an_invalid_token_is_not_sent(galley, token):
    done = galley("run", "Larder", GALLEY_TOKEN=token)
    assert done.stderr == "galley: GALLEY_TOKEN must be a token from Galley, such as gal_….\n"


def test_without_a_token_the_message_says_how_to_get_one(galley):
    done = galley("run", "Larder", GALLEY_TOKEN=None)
    assert done.returncode == 1
    assert "galley: GALLEY_TOKEN is not set. Create a token " in done.stderr


@pytest.mark.parametrize("url", ["galley.example", "ftp://galley.example", "http://", "http://x:y"])
def test_an_invalid_address_is_reported(galley, url):
    done = galley("run", "Larder", GALLEY_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("galley: GALLEY_URL must be an address such as https://")


def test_an_unencrypted_token_causes_a_warning(galley):
    done = galley("run", "Larder", GALLEY_URL="http://galley.invalid")
    assert done.stderr.startswith("galley: warning: http://galley.invalid is not https, so ")


def test_a_local_address_causes_no_warning(server, galley):
    assert "warning" not in galley("workflow", "export", "Larder").stderr


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "is not Galley. Set GALLEY_URL to Galley's address.",
        ),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://there.example/\r\nContent-Length: 0\r\n\r\n",
            "redirects to https://there.example/. Set GALLEY_URL to that address.",
        ),
        (b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n", "The server answered 418."),
    ],
)
def test_a_server_that_is_not_galley_is_reported(galley, answer, says):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_once, args=(listener, answer), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = galley("workflow", "export", "Larder", GALLEY_URL=url)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)

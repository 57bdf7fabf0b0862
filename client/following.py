"""Following a run to its end: what it does, what it prints, what it waits for."""

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from client import FINISHED
from client.http import Client
from client.patience import Patience

LONG_WAIT_SECONDS = 20
"""While only others can move the run on."""
SHORT_WAIT_SECONDS = 1
"""While something runs: its log grows without a change of the run."""
CHATTY_SECONDS = 0.2

Run = Mapping[str, Any]
Stage = Mapping[str, Any]
Step = Mapping[str, Any]
T = TypeVar("T")


class Watcher(Protocol):
    """Who is shown the run."""

    def show(self, run: Run, at: float) -> None:
        """The run as it is now, at least every twenty seconds; at: epoch seconds, by the server."""

    def print(self, stage: Stage, step: Step, attempt: int, lines: Sequence[str]) -> None:
        """Whole lines that an attempt of a step has printed since the last time."""

    def complain(self, sentence: str) -> None:
        """The server is out of reach, or is back."""


def follow(server: Client, run_id: str, watcher: Watcher) -> dict[str, Any]:
    """Show the run to the watcher until it has ended, and return it as it is then.

    Raises ApiError: Unreachable when the server has not answered for half a minute.
    """
    patiently = Patience(watcher.complain)
    view = _View(server, run_id)
    logs = _Logs(server, run_id)
    wait = 0
    last: Run = {}
    while True:
        run = patiently(functools.partial(view.look, wait))
        printed = False
        for stage, step, number in _begun(run):
            for lines in logs.read(step, number, patiently):
                watcher.print(stage, step, number, lines)
                printed = True
        watcher.show(run, view.server_time())
        if run["status"] in FINISHED:
            return dict(run)
        rests = run is last and wait > 0 and not _is_at_work(run)
        wait = 0 if printed else LONG_WAIT_SECONDS if rests else SHORT_WAIT_SECONDS
        last = run
        if printed:
            time.sleep(CHATTY_SECONDS)


def steps_of(run: Run) -> Iterator[tuple[Stage, Step]]:
    """Each step with its stage, in order."""
    for stage in run["stageRuns"]:
        for step in stage["stepRuns"]:
            yield stage, step


def _begun(run: Run) -> Iterator[tuple[Stage, Step, int]]:
    """Each attempt that may have a log."""
    for stage, step in steps_of(run):
        if step["keptFrom"] is None:
            for number in range(1, step["attempt"] + 1):
                if step["startedAt"] or number < step["attempt"]:
                    yield stage, step, number


def _is_at_work(run: Run) -> bool:
    return any(step["status"] == "Running" for _, step in steps_of(run))


class _View:
    """The run as it was last seen; asked for anew only when it has changed."""

    def __init__(self, server: Client, run_id: str) -> None:
        self._server = server
        self._path = f"/api/workflowruns/{run_id}"
        self._run: Run = {}
        self._tag = ""
        self._ahead = -math.inf

    def look(self, seconds: int) -> Run:
        """Wait so long for a change; 0: do not wait."""
        response = self._server.request(
            "GET",
            self._path,
            params={"wait": seconds} if seconds and self._tag else {},
            headers={"If-None-Match": self._tag} if self._tag else {},
        )
        self._note_time(response.headers)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # No place to wait.
            time.sleep(min(int(response.headers.get("Retry-After", 0)), seconds))
            return self._run
        self._run = self._server.content(response)
        self._tag = response.headers.get("ETag", "")
        return self._run

    def _note_time(self, headers: Mapping[str, str]) -> None:
        if date := headers.get("Date"):
            # Whole seconds: the largest difference is the one that was cut least.
            self._ahead = max(self._ahead, parsedate_to_datetime(date).timestamp() - time.time())

    def server_time(self) -> float:
        """Epoch seconds by the server's clock, to a second."""
        return time.time() + (self._ahead if math.isfinite(self._ahead) else 0)


@dataclass
class _Tail:
    """How far the log of an attempt has been read."""

    offset: int = 0
    rest: str = ""
    """A line that has no end yet."""
    is_over: bool = False


@dataclass
class _Logs:
    """The logs of a run, each read on from where the last reading ended."""

    server: Client
    run_id: str
    tails: dict[tuple[str, int], _Tail] = field(default_factory=dict)

    def read(self, step: Step, attempt: int, patiently: Patience) -> Iterator[list[str]]:
        """The whole lines that are new, some at a time."""
        tail = self.tails.setdefault((step["id"], attempt), _Tail())
        path = f"/api/workflowruns/{self.run_id}/steps/{step['id']}/logs"
        while not tail.is_over:
            query = {"attempt": attempt, "offset": tail.offset}
            ask = functools.partial(self.server.request, "GET", path, params=query)
            answer = patiently(ask)
            tail.offset = int(answer.headers["X-Log-Offset"])
            tail.is_over = answer.headers["X-Log-Complete"] == "true"
            *lines, tail.rest = (tail.rest + answer.content.decode("utf-8", "replace")).split("\n")
            if tail.is_over and tail.rest:
                lines.append(tail.rest)
            if lines:
                yield lines
            if not answer.content:
                return

"""Follow a run to its end: its states, its logs and its pending reasons."""

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
from client.retry import Retry

LONG_WAIT_SECONDS = 20
"""The longest wait for a change while no step runs."""
SHORT_WAIT_SECONDS = 1
"""The longest wait while a step runs, because its log may grow without a change of the run."""
PRINTING_SECONDS = 0.2
"""The wait while steps print."""

Run = Mapping[str, Any]
Stage = Mapping[str, Any]
Step = Mapping[str, Any]
T = TypeVar("T")


class Watcher(Protocol):
    """Shows a run that is followed."""

    def show(self, run: Run, at: float) -> None:
        """Show the current run, at least every twenty seconds. at: server time in epoch seconds."""

    def print(self, stage: Stage, step: Step, attempt: int, lines: Sequence[str]) -> None:
        """Show new lines of an attempt's log."""

    def warn(self, sentence: str) -> None:
        """Report that the server is unreachable, or answers again."""


def follow(server: Client, run_id: str, watcher: Watcher) -> dict[str, Any]:
    """Show the run to the watcher until it has ended, and return the ended run.

    Raises ApiError, which is Unreachable if the server has not answered for half a minute.
    """
    retry = Retry(watcher.warn)
    view = _View(server, run_id)
    logs = _Logs(server, run_id)
    wait = 0
    last: Run = {}
    while True:
        run = retry(functools.partial(view.fetch, wait))
        printed = False
        for stage, step, number in _started_attempts(run):
            for lines in logs.read(step, number, retry):
                watcher.print(stage, step, number, lines)
                printed = True
        watcher.show(run, view.server_time())
        if run["status"] in FINISHED:
            return dict(run)
        idle = run is last and wait > 0 and not _is_running(run)
        wait = 0 if printed else LONG_WAIT_SECONDS if idle else SHORT_WAIT_SECONDS
        last = run
        if printed:
            time.sleep(PRINTING_SECONDS)


def steps_of(run: Run) -> Iterator[tuple[Stage, Step]]:
    """Return each step with its stage, in order."""
    for stage in run["stageRuns"]:
        for step in stage["stepRuns"]:
            yield stage, step


def _started_attempts(run: Run) -> Iterator[tuple[Stage, Step, int]]:
    """Return each attempt that may have a log."""
    for stage, step in steps_of(run):
        if step["keptFrom"] is None:
            for number in range(1, step["attempt"] + 1):
                if step["startedAt"] or number < step["attempt"]:
                    yield stage, step, number


def _is_running(run: Run) -> bool:
    return any(step["status"] == "Running" for _, step in steps_of(run))


class _View:
    """The last known state of a run, which is fetched only after a change."""

    def __init__(self, server: Client, run_id: str) -> None:
        self._server = server
        self._path = f"/api/workflowruns/{run_id}"
        self._run: Run = {}
        self._tag = ""
        self._ahead = -math.inf

    def fetch(self, seconds: int) -> Run:
        """Return the run, after waiting so long for a change."""
        response = self._server.request(
            "GET",
            self._path,
            params={"wait": seconds} if seconds and self._tag else {},
            headers={"If-None-Match": self._tag} if self._tag else {},
        )
        self._note_time(response.headers)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # Too many clients wait for changes.
            time.sleep(min(int(response.headers.get("Retry-After", 0)), seconds))
            return self._run
        self._run = self._server.content(response)
        self._tag = response.headers.get("ETag", "")
        return self._run

    def _note_time(self, headers: Mapping[str, str]) -> None:
        if date := headers.get("Date"):
            # Dates are cut to whole seconds, so the largest difference is the most accurate.
            self._ahead = max(self._ahead, parsedate_to_datetime(date).timestamp() - time.time())

    def server_time(self) -> float:
        """Return the server's time in epoch seconds, to a second."""
        return time.time() + (self._ahead if math.isfinite(self._ahead) else 0)


@dataclass
class _Tail:
    """The position in the log of an attempt."""

    offset: int = 0
    rest: str = ""
    """The last line, if it is incomplete."""
    is_over: bool = False


@dataclass
class _Logs:
    """The logs of a run, each read from its last position."""

    server: Client
    run_id: str
    tails: dict[tuple[str, int], _Tail] = field(default_factory=dict)

    def read(self, step: Step, attempt: int, retry: Retry) -> Iterator[list[str]]:
        """Return new complete lines, several at a time."""
        tail = self.tails.setdefault((step["id"], attempt), _Tail())
        path = f"/api/workflowruns/{self.run_id}/steps/{step['id']}/logs"
        while not tail.is_over:
            query = {"attempt": attempt, "offset": tail.offset}
            response = retry(functools.partial(self.server.request, "GET", path, params=query))
            tail.offset = int(response.headers["X-Log-Offset"])
            tail.is_over = response.headers["X-Log-Complete"] == "true"
            text = tail.rest + response.content.decode("utf-8", "replace")
            *lines, tail.rest = text.split("\n")
            if tail.is_over and tail.rest:
                lines.append(tail.rest)
            if lines:
                yield lines
            if not response.content:
                return

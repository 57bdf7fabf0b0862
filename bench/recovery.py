"""Measure the time until a killed worker's step runs again, and until an abort takes effect."""

import os
import signal
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

DEADLINE_SECONDS = 60


def seconds_until_lost_step_runs_again(client: httpx.Client, workflow: str) -> float:
    """Return the median of three, from kill -9 of the worker to the start of the next attempt."""
    return _median(lambda: _kill_worker(client, workflow))


def milliseconds_until_abort_is_done(client: httpx.Client, workflow: str) -> float:
    """Return the median of nine, from the request to the recorded end of the script."""
    return 1000 * _median(lambda: _abort(client, workflow), times=9)


def _kill_worker(client: httpx.Client, workflow: str) -> float:
    """Kill a worker. workflow: one with a single step that runs for minutes."""
    path, step = _running(client, workflow)
    killed_at = time.time()
    os.kill(_pid_of(step["attempts"][-1]["worker"]), signal.SIGKILL)
    again = _wait(lambda: _step(client, path, attempt=2))
    client.post(f"{path}/abort").raise_for_status()
    _wait(lambda: _ended(client, path))
    return _moment(again["startedAt"]) - killed_at


def _abort(client: httpx.Client, workflow: str) -> float:
    path, _ = _running(client, workflow)
    begin = time.time()
    client.post(f"{path}/abort").raise_for_status()
    return _moment(_wait(lambda: _ended(client, path))) - begin


def _running(client: httpx.Client, workflow: str) -> tuple[str, dict[str, Any]]:
    started = client.post(f"/api/workflows/{workflow}/runs").raise_for_status().json()
    path = f"/api/workflowruns/{started['runId']}"
    return path, _wait(lambda: _step(client, path, attempt=1))


def _step(client: httpx.Client, path: str, attempt: int) -> dict[str, Any] | None:
    """Return the run's only step if this attempt of it is running."""
    step: dict[str, Any] = client.get(path).json()["stageRuns"][0]["stepRuns"][0]
    return step if (step["status"], step["attempt"]) == ("Running", attempt) else None


def _ended(client: httpx.Client, path: str) -> str | None:
    ended: str | None = client.get(path).json()["completedAt"]
    return ended


def _pid_of(worker: str) -> int:
    """Take the pid from a worker's name: host, pid and a random part."""
    return int(worker.rsplit("-", 2)[1])


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _wait(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise RuntimeError("the condition did not become true in time")


def _median(measure: Callable[[], float], times: int = 3) -> float:
    return statistics.median(measure() for _ in range(times))

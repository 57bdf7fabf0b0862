"""`make bench`: compare Galley with a bare thread pool on the same machine.

On a shared machine only the ratios are meaningful, as absolute times vary. Exit status 1 if a
target is missed.
"""

import argparse
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench import large_run, pages, recovery, watchers
from bench.processes import tree
from bench.rows import Row
from bench.stack import Stack, data_folder, running
from client import FINISHED

STAGES, STEPS = 3, 3
MIB = 1024 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="number of single runs")
    parser.add_argument("parts", nargs="*", help=f"only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    rows = [row for part in arguments.parts or PARTS for row in PARTS[part](arguments.runs)]
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(row.line(width))
    return 0 if all(row.is_met for row in rows) else 1


def _stack(runs: int) -> Iterator[Row]:
    with data_folder() as folder:
        with running(folder) as (stack, first_start):
            yield from _measure(stack, folder, runs)
        with running(folder) as (_, second_start):
            pass
    print(f"first start {first_start:.2f} s\n")
    name = "galley up to first page, second start"
    yield Row(name, f"{second_start:.2f} s", "2 s", second_start <= 2)


PARTS: dict[str, Callable[[int], Iterable[Row]]] = {
    "stack": _stack,
    "pages": lambda _: pages.rows(),
    "large_run": lambda _: large_run.rows(),
    "watchers": lambda _: watchers.rows(),
}


def _measure(stack: Stack, folder: Path, runs: int) -> list[Row]:
    with stack.client() as client:
        _set_up(client, folder)
        nothing = _workflow(client, "nothing", "nothing", STAGES, STEPS)
        much = _workflow(client, "much", "much", 1, 1)
        for _ in range(3):
            _run_once(client, nothing)
        return [
            *_single_runs(client, nothing, runs),
            _many_runs(client, nothing),
            _much_output(client, much, folder),
            _memory(stack),
            *_recovery(client),
            _much_masked(client, much),  # last, because all further steps have secrets
        ]


def _set_up(client: httpx.Client, folder: Path) -> None:
    """Create a project with suites that do nothing, print 100 MiB, or run forever."""
    big = folder.with_name("big.txt")
    line = b"The quick brown fox jumps over the lazy dog, again and again and again.\n"
    big.write_bytes((line * (100 * MIB // len(line) + 1))[: 100 * MIB])
    _sent(client.post("/api/projects", json={"id": "bench", "name": "Bench"}))
    scripts = {"nothing": "true", "much": f"cat {big}", "endless": "sleep 600"}
    for name, script in scripts.items():
        _sent(client.put(f"/api/projects/bench/testsuites/{name}", json={"script": script}))


def _sent(response: httpx.Response) -> Any:
    if response.is_error:
        raise RuntimeError(f"{response.status_code}: {response.text}")
    return response.json()


def _workflow(client: httpx.Client, name: str, suite: str, stages: int, steps: int) -> str:
    test = {"type": "Test", "configuration": {"testSuite": suite}}
    body = {
        "name": name,
        "projectId": "bench",
        "stages": [
            {
                "name": f"stage {stage}",
                "order": stage,
                "steps": [{"name": f"step {stage}.{step}", **test} for step in range(steps)],
            }
            for stage in range(stages)
        ],
    }
    return str(_sent(client.post("/api/workflows", json=body))["id"])


def _start(client: httpx.Client, workflow: str) -> str:
    return str(_sent(client.post(f"/api/workflows/{workflow}/runs"))["runId"])


def _finished(client: httpx.Client, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run, with few requests, because they slow down the measured work."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run: dict[str, Any] = _sent(client.get(f"/api/workflowruns/{run_id}"))
        if run["status"] in FINISHED:
            if run["status"] != "Succeeded":
                raise RuntimeError(f"the run {run['status']}: {run['message']}")
            return run
        time.sleep(0.25)
    raise RuntimeError("the run did not end")


def _ms(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1000


def _steps(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for stage in run["stageRuns"] for step in stage["stepRuns"]]


def _run_once(client: httpx.Client, workflow: str) -> tuple[float, float]:
    """Return the milliseconds from the request to the first step's start and to the run's end."""
    begin = time.time() * 1000
    run_id = _start(client, workflow)
    time.sleep(0.15)
    run = _finished(client, run_id)
    first = min(_ms(step["startedAt"]) for step in _steps(run))
    return first - begin, _ms(run["completedAt"]) - begin


def _bare_pool() -> float:
    """Return the milliseconds that two threads take for the same processes without Galley."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(STAGES):
            commands = [["/bin/sh", "-c", "true"]] * STEPS
            list(pool.map(lambda command: subprocess.run(command, check=True), commands))
    return (time.perf_counter() - begin) * 1000


def _single_runs(client: httpx.Client, workflow: str, count: int) -> list[Row]:
    started, finished, bare = [], [], []
    for _ in range(count):
        to_start, to_end = _run_once(client, workflow)
        started.append(to_start)
        finished.append(to_end)
        bare.append(_bare_pool())
    start, end, pool = (statistics.median(times) for times in (started, finished, bare))
    return [
        Row("trigger to finished, one run", f"{end:.0f} ms median", "75 ms", end <= 75),
        Row(
            "  against the bare thread pool",
            f"{end / pool:.1f} x (pool: {pool:.1f} ms)",
            "12 x",
            end <= 12 * pool,
        ),
        Row("trigger to first step started", f"{start:.0f} ms median", "15 ms", start <= 15),
    ]


def _many_runs(client: httpx.Client, workflow: str, count: int = 50) -> Row:
    begin = time.time() * 1000
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: _start(client, workflow), range(count)))
    ends = [_ms(_finished(client, run_id)["completedAt"]) for run_id in ids]
    seconds = (max(ends) - begin) / 1000
    rate = count * STAGES * STEPS / seconds
    return Row(f"{count} runs at once", f"{rate:.0f} steps/s ({seconds:.1f} s)", "150", rate >= 150)


def _much_output(client: httpx.Client, workflow: str, folder: Path) -> Row:
    to_file = f"cat {folder.parent}/big.txt > {folder.parent}/copy.txt"
    step_seconds = _median(lambda: _duration_of_only_step(client, workflow))
    cat_seconds = _median(lambda: _seconds(lambda: subprocess.run(to_file, shell=True, check=True)))
    ratio = step_seconds / cat_seconds
    measured = f"{ratio:.1f} x cat ({step_seconds:.2f} s, cat: {cat_seconds:.2f} s)"
    return Row("a step that prints 100 MiB", measured, "3 x", ratio <= 3)


def _much_masked(client: httpx.Client, workflow: str) -> Row:
    for length in (16, 20, 24, 32, 40):
        path = f"/api/projects/bench/secrets/SECRET_{length}"
        _sent(client.put(path, json={"value": secrets.token_urlsafe(length)}))
    seconds = _median(lambda: _duration_of_only_step(client, workflow))
    return Row("  with five secrets masked", f"{seconds:.2f} s", "1 s", seconds <= 1)


def _duration_of_only_step(client: httpx.Client, workflow: str) -> float:
    (step,) = _steps(_finished(client, _start(client, workflow)))
    return float(step["durationMs"] / 1000)


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def _median(measure: Callable[[], float], times: int = 5) -> float:
    return statistics.median(measure() for _ in range(times))


def _recovery(client: httpx.Client) -> list[Row]:
    endless = _workflow(client, "endless", "endless", 1, 1)
    seconds = recovery.seconds_until_lost_step_runs_again(client, endless)
    milliseconds = recovery.milliseconds_until_abort_is_done(client, endless)
    return [
        Row(
            "kill -9 of a worker to its step's next start", f"{seconds:.1f} s", "3 s", seconds <= 3
        ),
        Row("abort to the script's end", f"{milliseconds:.0f} ms", "200 ms", milliseconds <= 200),
    ]


def _memory(stack: Stack) -> Row:
    """Measure the proportional set size of the whole process tree."""
    total = sum(_pss(pid) for pid in tree(stack.process.pid)) / 1024
    return Row("all processes, idle", f"{total:.0f} MiB PSS", "200 MiB", total <= 200)


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())

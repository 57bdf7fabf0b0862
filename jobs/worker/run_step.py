"""Run the steps of a queue when a message arrives."""

import contextlib
import time

from domain import disk, engine
from domain.engine import Claim
from jobs.shared import host
from jobs.shared.db_retry import AWAY
from jobs.worker.attempt import Execution, WorkerProcess

AWAKE_SECONDS = 60
"""The time a worker keeps claiming steps before it lets RQ renew its registration."""

CLAIM_TRIES = 3

_worker: WorkerProcess | None = None


def set_worker(process: WorkerProcess) -> None:
    """Set the worker of this process, because RQ passes only the message to `run_step`."""
    global _worker
    _worker = process
    engine.listen(process.ring)


def run_step(step_id: str, attempt: int) -> None:
    """Run one attempt of a step if it is still free, and then other ready steps.

    A message for a step already taken still wakes a worker, which looks for other work. A step
    taken without a message avoids RQ's bookkeeping, which costs as much as the step.
    """
    process = _worker
    if process is None:
        raise RuntimeError("run_step needs a process that called set_worker")
    process.awake_until = time.monotonic() + AWAKE_SECONDS
    claim = _claim(process, step_id, attempt, _may_begin_runs(process)) or _claim_oldest(process)
    while claim is not None:
        Execution(process, claim).run()
        claim = _claim_oldest(process) if time.monotonic() < process.awake_until else None


def _claim(process: WorkerProcess, step_id: str, attempt: int, new_runs: bool) -> Claim | None:
    if process.stopping:
        return None  # the reconciler will enqueue the step again for another worker
    process.was_poked = process.has_next = False
    return engine.claim(
        step_id,
        attempt,
        worker=process.name,
        host=host.identity(),
        lease_ms=int(process.settings.lease_seconds * 1000),
        new_runs=new_runs,
    )


def _claim_oldest(process: WorkerProcess) -> Claim | None:
    """Claim the oldest ready step. Returns None after losing several races to other workers."""
    new_runs = _may_begin_runs(process)
    for _ in range(CLAIM_TRIES):
        oldest = engine.oldest_ready(process.queue, new_runs=new_runs)
        if oldest is None:
            return None
        claim = _claim(process, *oldest, new_runs)
        if claim is not None:
            return claim
    return None


def _may_begin_runs(process: WorkerProcess) -> bool:
    """Return whether the disk has room for new runs. A heartbeat publishes any change."""
    with contextlib.suppress(*AWAY):  # the full disk may hold the database
        process.send_heartbeat()
    return disk.has_room(process.settings)

"""What a message of the doorbell makes a worker do."""

import contextlib
import time

from domain import disk, engine
from domain.engine import Claim
from jobs.shared import host
from jobs.shared.db_retry import AWAY
from jobs.worker.attempt import Execution, WorkerProcess

AWAKE_SECONDS = 60
"""How long a worker goes on by itself before it lets RQ look after its registration again."""

CLAIM_TRIES = 3

_this: WorkerProcess | None = None


def become(process: WorkerProcess) -> None:
    """Set once what `run_step` works with, because RQ calls it with the message alone."""
    global _this
    _this = process
    engine.listen(process.ring)


def run_step(step_id: str, attempt: int) -> None:
    """Run one attempt of a step, if it is still there to be taken, and then what else is ready.

    Whoever is awake goes on with the oldest ready step of the queue: RQ's notes on a message cost
    as much as a step. Messages for steps that were taken so wake somebody who looks for more.
    """
    process = _this
    if process is None:
        raise RuntimeError("run_step works only in a process that became a worker")
    process.awake_until = time.monotonic() + AWAKE_SECONDS
    held = _claim(process, step_id, attempt, _may_begin_runs(process)) or _claim_oldest(process)
    while held is not None:
        Execution(process, held).run()
        held = _claim_oldest(process) if time.monotonic() < process.awake_until else None


def _claim(process: WorkerProcess, step_id: str, attempt: int, new_runs: bool) -> Claim | None:
    if process.stopping:
        return None  # shutting down: the reconciler will ring again, for another worker
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
    """None also when others were faster several times: then they are awake, and that is enough."""
    new_runs = _may_begin_runs(process)
    for _ in range(CLAIM_TRIES):
        oldest = engine.oldest_ready(process.queue, new_runs=new_runs)
        if oldest is None:
            return None
        held = _claim(process, *oldest, new_runs)
        if held is not None:
            return held
    return None


def _may_begin_runs(process: WorkerProcess) -> bool:
    """Whether there is room for that on the disk. Everybody gets to know when it changes."""
    with contextlib.suppress(*AWAY):  # that disk may be the database's
        process.seen()
    return disk.has_room(process.settings)

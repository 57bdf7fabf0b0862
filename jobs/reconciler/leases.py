"""Repairs of leases: workers that died, and clocks that were set back."""

import logging
import time
from pathlib import Path

from domain import engine
from domain.clock import now
from domain.logs.files import log_path
from domain.models import Attempt, StepRun, WorkerInfo, write
from domain.statuses import RUNNING
from jobs.reconciler.context import JUMP_MS, Context
from jobs.scripts.process_tree import kill_strays
from jobs.shared import host
from jobs.shared.folders import remove_tree

log = logging.getLogger(__name__)


def end_leases_of_dead_workers(context: Context) -> None:
    """End the leases of workers of this host whose process is gone; the others run out."""
    here = WorkerInfo.select().where(WorkerInfo.host == host.identity())
    for worker in list(here):
        if host.started(worker.pid) == worker.pid_started:
            continue
        ended = engine.end_leases_of(worker.name)
        with write():
            WorkerInfo.delete().where(WorkerInfo.name == worker.name).execute()
        log.warning("worker %s is gone; it held %d steps", worker.name, ended)
        context.rare_at = 0.0  # it may have left folders, also of an attempt that it finished


def correct_future_heartbeats(context: Context) -> None:
    """Move heartbeats that lie in the future to now, and the worker's leases back by as much.

    They are from before the clock was set back. Otherwise a lost worker would be noticed only when
    the clock has caught up. A worker that is alive renews both anyway.
    """
    at = now()
    ahead = WorkerInfo.select(WorkerInfo.name, WorkerInfo.seen_at).where(
        WorkerInfo.seen_at > at + JUMP_MS
    )
    for name, seen_at in list(ahead.tuples()):
        with write():
            is_still_so = (WorkerInfo.name == name) & (WorkerInfo.seen_at == seen_at)
            if not WorkerInfo.update(seen_at=at).where(is_still_so).execute():
                continue
            held = (StepRun.status == RUNNING) & (StepRun.worker == name)
            of_then = StepRun.lease_until > seen_at  # others were renewed since
            StepRun.update(lease_until=StepRun.lease_until - (seen_at - at)).where(
                held & of_then
            ).execute()


def take_back_lost_steps(context: Context) -> None:
    """Start steps again whose lease is over, or end them.

    While patience lasts, only those of workers that are known to be dead: their lease is 0.
    """
    context.look_at_clock()
    lost = (StepRun.status == RUNNING) & (StepRun.lease_until < now())
    if time.monotonic() < context.patient_until:
        lost &= StepRun.lease_until == 0
    data_dir = context.settings.data_dir
    for step in list(StepRun.select().where(lost)):
        if step.lease_until and not engine.end_lease(step.id, step.lease_token):
            continue
        _clean_up(step, data_dir)
        message = f"The worker {step.worker} was lost."
        engine.expire(step.id, step.lease_token, message, _log_size(step, data_dir))


def _clean_up(step: StepRun, data_dir: Path) -> None:
    """Kill and remove what a lost attempt left behind, if it ran on this host."""
    attempt = Attempt.get_or_none((Attempt.step == step.id) & (Attempt.number == step.attempt))
    if attempt is not None and attempt.host == host.identity():
        cookie = f"{step.id}.{step.attempt}"
        kill_strays(cookie)
        remove_tree(data_dir / "work" / cookie)


def _log_size(step: StepRun, data_dir: Path) -> int:
    path = log_path(data_dir, step.run_id, step.id, step.attempt)
    return path.stat().st_size if path.exists() else int(step.log_size)

"""Repairs whatever a crash, a lost message or a pause left behind.

A process of its own that looks at the database twice a second. Everything it does is conditional,
so any number of reconcilers may run, on any host, at the same time as the workers.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from redis import RedisError

from domain import disk, engine
from domain.accounts import idempotency
from domain.clock import DAY_MS, now
from domain.engine import Ready
from domain.logs import uploads
from domain.logs.files import log_path
from domain.models import (
    Attempt,
    ReconcilerInfo,
    Run,
    StepRun,
    WorkerInfo,
    connect,
    db,
    write,
)
from domain.releases import garbage_collection
from domain.releases.storage import LocalStorage, open_storage
from domain.settings import SettingError, Settings
from domain.statuses import PENDING, RUNNING
from domain.system.heartbeats import queues_short_of_room
from jobs.queue import Doorbell, message_id
from jobs.reconciler import orphans
from jobs.scripts.runner import kill_strays
from jobs.shared import host
from jobs.shared.db_retry import AWAY
from jobs.shared.disk_watch import DiskWatch
from jobs.shared.folders import remove_tree
from jobs.shared.heartbeat import Presence, a_name

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
JUMP_MS = 3_000
"""Between two looks at the clock, more was not work: the machine slept, or its clock was set."""
RING_AGAIN_MS = 2_000
RARE_SECONDS = 30
MISSING_AFTER_MS = DAY_MS


def reconcile_forever(settings: Settings, redis_url: str) -> None:
    """Tick until SIGTERM or SIGINT."""
    connect(settings, pooled=False)
    over = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: over.set())
    reconciler = Reconciler(settings, Doorbell(redis_url))
    try:
        while not over.wait(TICK_SECONDS):
            reconciler.tick()
    finally:
        reconciler.presence.end()


class Reconciler:
    """What one process of it remembers between ticks."""

    def __init__(self, settings: Settings, doorbell: Doorbell) -> None:
        self._settings = settings
        self._doorbell = doorbell
        self._patient_until = self._one_lease_from_now()
        self._rare_at = 0.0
        self._last_look = now()
        self.presence = Presence(ReconcilerInfo, a_name())
        self._disk_watch = DiskWatch(settings)

    def _one_lease_from_now(self) -> float:
        return time.monotonic() + self._settings.lease_seconds

    def tick(self) -> None:
        """Everything that is due. Trouble with the database is waited out, not raised."""
        self._look_at_clock()
        self._disk_watch.has_room()  # which warns
        try:
            db.connect(reuse_if_open=True)
            self._repair()
        except AWAY as error:
            log.warning("the database does not answer: %s", error)
            self._patient_until = self._one_lease_from_now()
            db.close()

    def _look_at_clock(self) -> None:
        """By the clock of the leases: a monotonic one stands still while the machine sleeps."""
        at = now()
        if abs(at - self._last_look) > JUMP_MS:
            self._patient_until = self._one_lease_from_now()
        self._last_look = at

    def _repair(self) -> None:
        repairs: list[Callable[[], object]] = [
            self.end_leases_of_dead_workers,
            self.bring_to_the_present,
            self.take_back_lost_steps,
            self.ring_again,
            self.let_in_held_back_runs,
        ]
        if time.monotonic() >= self._rare_at:
            self._rare_at = time.monotonic() + RARE_SECONDS
            repairs += [
                self.end_overdue_outside_steps,
                self.move_on,
                self.remove_left_folders,
                self.remove_unfinished_packages,
                self.remove_unfinished_uploads,
                self.remove_discarded_packages,
                self.forget_missing_workers,
                self.forget_missing_reconcilers,
                idempotency.purge,
            ]
        for repair in repairs:
            _by_itself(repair)
        self.presence.say()

    # ---- workers that died ----

    def bring_to_the_present(self) -> None:
        """Workers that were last heard of in the future: the clock was set back since.

        Their last word becomes one of now, and what they hold ends as long after it as it did
        before. So nobody waits for a lost worker until the clock is there again, and a worker
        keeps its leases for as long as its own settings say. Who is alive renews both anyway.
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

    def end_leases_of_dead_workers(self) -> None:
        """On this host we see at once that a worker is gone; others are found by their leases."""
        here = WorkerInfo.select().where(WorkerInfo.host == host.identity())
        for worker in list(here):
            if host.started(worker.pid) == worker.pid_started:
                continue
            ended = engine.end_leases_of(worker.name)
            with write():
                WorkerInfo.delete().where(WorkerInfo.name == worker.name).execute()
            log.warning("worker %s is gone; it held %d steps", worker.name, ended)
            self._rare_at = 0.0  # it may have left folders, also of an attempt that it finished

    def take_back_lost_steps(self) -> None:
        """Steps whose lease is over: start them again, or end them, and say why.

        After a start of ours, a pause of the machine or trouble with the database the workers get
        one lease to be heard of again. A lease of 0 is that of a worker known to be dead.
        """
        self._look_at_clock()
        lost = (StepRun.status == RUNNING) & (StepRun.lease_until < now())
        if time.monotonic() < self._patient_until:
            lost &= StepRun.lease_until == 0
        for step in list(StepRun.select().where(lost)):
            if step.lease_until and not engine.end_lease(step.id, step.lease_token):
                continue
            self._clear_away(step)
            size = self._log_size(step)
            message = f"The worker {step.worker} was lost."
            self._doorbell.ring(engine.expire(step.id, step.lease_token, message, size))

    def _clear_away(self, step: StepRun) -> None:
        """Kill and remove what a lost attempt left behind, if that was on this host."""
        attempt = Attempt.get_or_none((Attempt.step == step.id) & (Attempt.number == step.attempt))
        if attempt is not None and attempt.host == host.identity():
            cookie = f"{step.id}.{step.attempt}"
            kill_strays(cookie)
            remove_tree(self._settings.data_dir / "work" / cookie)

    def _log_size(self, step: StepRun) -> int:
        path = log_path(self._settings.data_dir, step.run_id, step.id, step.attempt)
        return path.stat().st_size if path.exists() else int(step.log_size)

    # ---- messages that were lost ----

    def ring_again(self) -> None:
        """Steps that nobody took for a while and whose message is not waiting in its queue.

        A ring that lies ahead is from before the clock was set back: nobody knows for how long.
        Where some worker has no room on its disk, messages for new runs are lost on it, so there
        is one at a time for all of them: whom it wakes and who has room goes on by itself.
        """
        at = now()
        rung_just_now = StepRun.rung_at.between(at - RING_AGAIN_MS, at + JUMP_MS)
        overdue = list(
            StepRun.select(StepRun, Run.status)
            .join(Run)
            .where(
                (StepRun.status == PENDING)
                & StepRun.ready_at.is_null(False)
                & ~rung_just_now
                & ~StepRun.is_outside
            )
            .order_by(StepRun.ready_at, StepRun.id)
        )
        if not overdue:
            return
        try:
            waiting = {
                queue: set(self._doorbell.waiting_messages(queue))
                for queue in {step.queue for step in overdue}
            }
        except RedisError as error:
            log.warning("cannot ring again: %s", error)
            return
        missing = [
            step
            for step in overdue
            if message_id(Ready(step.id, step.attempt, step.bell, step.queue))
            not in waiting[step.queue]
        ]
        rung = [queue for queue, messages in waiting.items() if messages]
        for step in _worth_a_ring(missing, queues_short_of_room(at), rung):
            self._ring_anew(step)

    def _ring_anew(self, step: StepRun) -> None:
        """A new bell number, because RQ refuses for ever an id whose message was lost."""
        bell = step.bell + 1
        with write():
            mine = (
                StepRun.update(bell=bell, rung_at=now())
                .where(
                    (StepRun.id == step.id)
                    & (StepRun.attempt == step.attempt)
                    & (StepRun.bell == step.bell)
                    & (StepRun.status == PENDING)
                )
                .execute()
            )
        if mine:
            self._doorbell.ring([Ready(step.id, step.attempt, bell, step.queue)])

    # ---- what is rarely needed ----

    def end_overdue_outside_steps(self) -> None:
        overdue = StepRun.select(StepRun.id).where(
            (StepRun.status == PENDING)
            & StepRun.is_outside
            & (StepRun.ready_at + StepRun.timeout_seconds * 1000 <= now())
        )
        for step in list(overdue):
            self._doorbell.ring(engine.expire_outside(step.id))

    def move_on(self) -> None:
        """Runs whose present stage has nothing left to do."""
        for run in list(Run.select(Run.id).where(engine.rests())):
            self._doorbell.ring(engine.advance(run.id))

    def let_in_held_back_runs(self) -> None:
        """A limit may have been raised, or whoever made room may have died before it said so."""
        held = Run.select(Run.workflow).where(Run.completed_at.is_null() & ~Run.admitted).distinct()
        for run in list(held):
            self._doorbell.ring(engine.admit(run.workflow_id))

    def remove_left_folders(self) -> None:
        """Folders of attempts that are over; their worker died before it could remove them."""
        for folder in orphans.folders(self._settings.data_dir):
            remove_tree(folder)

    def remove_unfinished_packages(self) -> None:
        """In a remote storage there are none: what is there is whole."""
        folder = disk.storage_folder(self._settings)
        if folder is None:
            return
        try:
            LocalStorage(Path(folder)).remove_unfinished()
        except OSError as error:
            log.warning("the storage cannot be tidied up: %s", error)

    def remove_unfinished_uploads(self) -> None:
        """Of log files, whose web server died while it took them in."""
        uploads.remove_unfinished(self._settings.data_dir)

    def remove_discarded_packages(self) -> None:
        try:
            garbage_collection.tidy(lambda: open_storage(self._settings))
        except (OSError, SettingError) as error:
            log.warning("packages of deleted releases cannot be removed: %s", error)

    def forget_missing_workers(self) -> None:
        """Rows of other hosts, or of an earlier boot, that nobody here can look after."""
        with write():
            WorkerInfo.delete().where(WorkerInfo.seen_at < now() - MISSING_AFTER_MS).execute()

    def forget_missing_reconcilers(self) -> None:
        """Nothing depends on them but the answer to whether there is one."""
        gone = [row.name for row in ReconcilerInfo.select() if not _may_be_alive(row)]
        if gone:
            with write():
                ReconcilerInfo.delete().where(ReconcilerInfo.name.in_(gone)).execute()


def _by_itself(repair: Callable[[], object]) -> None:
    """One that fails in a way nobody foresaw must not keep the others from being made."""
    try:
        repair()
    except AWAY:
        raise  # the database does not answer: that stops them all, until it does
    except Exception:
        log.exception("a repair failed: %s", repair.__name__)


def _worth_a_ring(
    steps: Iterable[StepRun], short: Collection[str], rung: Iterable[str]
) -> Iterator[StepRun]:
    """All but those of new runs in queues short of room, of which the first of each queue is.

    rung: queues in which a message waits; it wakes somebody as well as another one would.
    """
    done = set(rung)
    for step in steps:
        if step.run.status == PENDING and step.queue in short:
            if step.queue in done:
                continue
            done.add(step.queue)
        yield step


def _may_be_alive(row: ReconcilerInfo) -> bool:
    if row.host == host.identity():
        return host.started(row.pid) == row.pid_started
    return bool(row.seen_at >= now() - MISSING_AFTER_MS)

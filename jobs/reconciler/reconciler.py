"""The reconciler: repairs what a crash, a lost message or a pause left behind.

A process of its own that looks at the database twice a second. Every repair is conditional, so any
number of reconcilers may run, on any host, at the same time as the workers.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable

from domain import engine
from domain.models import ReconcilerInfo, connect, db
from domain.settings import Settings
from jobs.queue import Doorbell
from jobs.reconciler import cleanup, leases, standstill
from jobs.reconciler.context import Context
from jobs.shared.db_retry import AWAY
from jobs.shared.disk_watch import DiskWatch
from jobs.shared.heartbeat import Heartbeat, unique_name

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
RARE_SECONDS = 30

Repair = Callable[[Context], None]

OFTEN: tuple[Repair, ...] = (
    leases.end_leases_of_dead_workers,
    leases.correct_future_heartbeats,
    leases.take_back_lost_steps,
    standstill.enqueue_again,
    standstill.admit_held_back,
)
RARELY: tuple[Repair, ...] = (
    standstill.end_overdue_completions,
    standstill.advance_idle,
    cleanup.remove_orphaned_folders,
    cleanup.remove_unfinished_packages,
    cleanup.remove_unfinished_uploads,
    cleanup.remove_discarded_packages,
    cleanup.delete_missing_workers,
    cleanup.delete_missing_reconcilers,
    cleanup.delete_old_idempotency_keys,
)


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
        reconciler.heartbeat.end()


class Reconciler:
    """One process that makes the repairs, and rings for what becomes ready by them."""

    def __init__(self, settings: Settings, doorbell: Doorbell) -> None:
        self.context = Context(settings, doorbell)
        self.heartbeat = Heartbeat(ReconcilerInfo, unique_name())
        self._disk_watch = DiskWatch(settings)
        engine.listen(doorbell.ring)

    def tick(self) -> None:
        """Make all repairs that are due. Does not raise while the database is away."""
        self.context.look_at_clock()
        self._disk_watch.has_room()  # logs a warning
        try:
            db.connect(reuse_if_open=True)
            self._repair()
        except AWAY as error:
            log.warning("the database does not answer: %s", error)
            self.context.be_patient()
            db.close()

    def _repair(self) -> None:
        repairs = OFTEN
        if time.monotonic() >= self.context.rare_at:
            self.context.rare_at = time.monotonic() + RARE_SECONDS
            repairs += RARELY
        for repair in repairs:
            _try(repair, self.context)
        self.heartbeat.send()


def _try(repair: Repair, context: Context) -> None:
    """Make a repair. An unforeseen failure must not prevent the others."""
    try:
        repair(context)
    except AWAY:
        raise  # while the database is away, none can be made
    except Exception:
        log.exception("a repair failed: %s", repair.__name__)

"""The parts of a running Galley: web server, workers, reconciler."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peewee import fn

from domain.clock import now
from domain.models import ReconcilerInfo, StepRun, WorkerInfo
from domain.statuses import PENDING
from domain.system.heartbeats import RECONCILER_MISSED_AFTER_MS, WORKER_MISSED_AFTER_MS
from jobs.doctor.findings import Finding, fault, ok, skipped, unless, warning
from jobs.doctor.format import many, some, span
from jobs.doctor.scene import Scene
from jobs.setup import up
from jobs.shared import host

NOT_RUNNING = "Galley is not running."


def not_running(kind: str, waiting: int) -> Finding:
    """waiting: how many of that kind go on with the next start."""
    told = f" {kind} that wait for its start: {waiting}." if waiting else ""
    return skipped(NOT_RUNNING + told)


def web(scene: Scene) -> list[Finding]:
    if scene.supervisor is None:
        return [skipped("galley up does not run on this data folder.")]
    address = up.address(scene.settings)
    if up.answers(scene.settings):
        return [ok(f"{address} answers (galley up is process {scene.supervisor}).")]
    return [
        fault(
            f"Galley runs (process {scene.supervisor}), but {address} does not answer.",
            "Look at what galley up prints. If it was started with GALLEY_HOST or GALLEY_PORT, "
            "set them here too.",
        )
    ]


@dataclass(frozen=True)
class Part:
    """A worker or reconciler, by its row."""

    name: str
    silent_ms: int
    """Since it last said that it is there."""
    is_here: bool = False
    """Whether it is on this host, whose processes can be looked at."""
    has_process: bool = False
    is_root: bool = False
    has_room: bool = True
    queue: str = ""

    def is_gone(self) -> bool:
        return self.is_here and not self.has_process


def workers(scene: Scene) -> list[Finding]:
    rows = [_part(row) for row in WorkerInfo.select()]
    waiting = dict(
        StepRun.select(StepRun.queue, fn.COUNT(StepRun.id))
        .where((StepRun.status == PENDING) & StepRun.ready_at.is_null(False) & ~StepRun.is_outside)
        .group_by(StepRun.queue)
        .tuples()
    )
    if not is_running(scene):
        return stopped_workers(rows, sum(waiting.values()))
    return running_workers(rows, waiting, any(r.is_here for r in live_reconcilers()))


def _part(row: WorkerInfo | ReconcilerInfo) -> Part:
    is_here = row.host == host.identity()
    has_process = is_here and host.started(row.pid) == row.pid_started
    return Part(
        name=row.name,
        silent_ms=max(0, now() - row.seen_at),
        is_here=is_here,
        has_process=has_process,
        is_root=has_process and Path(f"/proc/{row.pid}").stat().st_uid == 0,
        has_room=getattr(row, "has_room", True),
        queue=getattr(row, "queue", ""),
    )


def live_reconcilers() -> list[Part]:
    rows = [_part(row) for row in ReconcilerInfo.select()]
    return [r for r in rows if not r.is_gone() and r.silent_ms <= RECONCILER_MISSED_AFTER_MS]


def live_workers(rows: Sequence[Part]) -> list[Part]:
    return [r for r in rows if not r.is_gone() and r.silent_ms <= WORKER_MISSED_AFTER_MS]


def is_running(scene: Scene) -> bool:
    """Whether any part of Galley runs, here or on another host."""
    return bool(
        scene.supervisor
        or live_reconcilers()
        or live_workers([_part(row) for row in WorkerInfo.select()])
    )


def stopped_workers(rows: Sequence[Part], waiting: int) -> list[Finding]:
    return [*_signed_off_badly(rows), not_running("Steps", waiting)]


def running_workers(
    rows: Sequence[Part], waiting: Mapping[str, int], has_reconciler_here: bool
) -> list[Finding]:
    """waiting: queue → how many steps are ready to be taken."""
    alive = live_workers(rows)
    trouble = [
        *_nobody(alive, waiting),
        *([] if has_reconciler_here else _signed_off_badly(rows)),
        *_fallen_silent(rows),
        *_short_of_room(alive),
        *_as_root(alive),
    ]
    queues = Counter(worker.queue for worker in alive)
    listed = ", ".join(f"{count} for the queue {queue}" for queue, count in sorted(queues.items()))
    latest = min((worker.silent_ms for worker in alive), default=0)
    return unless(trouble, f"{many(alive, 'worker')}: {listed}; last heard of {span(latest)} ago.")


def _nobody(alive: Sequence[Part], waiting: Mapping[str, int]) -> Iterator[Finding]:
    if not alive:
        yield fault(
            "Nobody works: no step can run.",
            "Look at what galley up prints; on another host: galley worker",
        )
        return
    for queue in sorted(waiting.keys() - {worker.queue for worker in alive}):
        yield fault(
            f"{waiting[queue]} ready in the queue {queue}, to which no worker listens.",
            f"galley worker --queue {queue}; or correct the name in the workflow.",
        )


def _signed_off_badly(rows: Sequence[Part]) -> Iterator[Finding]:
    gone = [row.name for row in rows if row.is_gone()]
    if gone:
        yield warning(
            f"{many(gone, 'worker')} of this host ended without signing off: {some(gone)}.",
            "Start Galley (galley up, or galley reconciler): their steps are taken back at once.",
        )


def _fallen_silent(rows: Sequence[Part]) -> Iterator[Finding]:
    silent = [r for r in rows if not r.is_gone() and r.silent_ms > WORKER_MISSED_AFTER_MS]
    if silent:
        longest = span(max(row.silent_ms for row in silent))
        yield warning(
            f"{many(silent, 'worker')} not heard of for up to {longest}: "
            f"{some([row.name for row in silent])}.",
            "Start them again where they ran; their names begin with the host's. What is gone "
            "for good is forgotten after a day.",
        )


def _short_of_room(alive: Sequence[Part]) -> Iterator[Finding]:
    full = [worker.name for worker in alive if not worker.has_room]
    if full:
        yield warning(
            f"{many(full, 'worker')} begin no new runs, for their disk is full: {some(full)}.",
            "galley doctor on their host; their names begin with the host's.",
        )


def _as_root(alive: Sequence[Part]) -> Iterator[Finding]:
    roots = [worker.name for worker in alive if worker.is_root]
    if roots:
        yield warning(
            f"{many(roots, 'worker')} of this host run as root, and so does every script of "
            "every superuser; the limit of processes does not bind root.",
            "Give Galley a user of its own (useradd --system galley) and the data folder to it "
            "(chown -R), and start it as that user.",
        )


def reconciler(scene: Scene) -> list[Finding]:
    rows = [_part(row) for row in ReconcilerInfo.select()]
    if not is_running(scene):
        return [skipped(NOT_RUNNING)]
    return [judged_reconcilers(rows)]


def judged_reconcilers(rows: Sequence[Part]) -> Finding:
    there = [row for row in rows if not row.is_gone()]
    alive = [row for row in there if row.silent_ms <= RECONCILER_MISSED_AFTER_MS]
    if alive:
        latest = span(min(row.silent_ms for row in alive))
        return ok(f"{many(alive, 'reconciler')}, last heard of {latest} ago.")
    if there:
        longest = span(min(row.silent_ms for row in there))
        return fault(
            f"The reconciler {there[0].name} has repaired nothing for {longest}: it is paused, or "
            "cannot reach the database.",
            "Look at its messages and start it again; galley up does that when it is killed.",
        )
    return fault(
        "Nobody repairs: steps of lost workers and lost messages wait for ever.",
        "galley reconciler; galley up brings one: look at what it prints.",
    )

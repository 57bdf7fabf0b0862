"""Checks of the parts of a running Galley: web server, workers, and reconciler."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from domain.clock import now
from domain.models import ReconcilerInfo, WorkerInfo
from domain.system import checks, heartbeats
from domain.system.checks import Finding, State, fault, ok, skipped, warning
from domain.system.format import many, some
from domain.system.load import steps_ready
from jobs.doctor.scene import Scene
from jobs.setup import up
from jobs.shared import host

NOT_RUNNING = "Galley is not running."

Row = TypeVar("Row", WorkerInfo, ReconcilerInfo)


def not_running(kind: str, waiting: int) -> Finding:
    """Report that Galley is stopped. waiting: the runs or steps that continue at its next start."""
    return skipped(f"{NOT_RUNNING} {kind} waiting: {waiting}." if waiting else NOT_RUNNING)


def web(scene: Scene) -> list[Finding]:
    if scene.supervisor is None:
        return [skipped("galley up does not run on this data folder.")]
    address = up.address(scene.settings)
    if up.answers(scene.settings):
        return [ok(f"{address} answers (galley up is process {scene.supervisor}).")]
    return [
        fault(
            f"Galley runs (process {scene.supervisor}), but {address} does not answer.",
            "Check the output of galley up. If it was started with GALLEY_HOST or GALLEY_PORT, set "
            "them here too.",
        )
    ]


def workers(scene: Scene) -> list[Finding]:
    rows, at = heartbeats.workers(), now()
    present = _present(rows)
    ended = list(ended_badly([row.name for row in rows if row not in present]))
    ready = {queue: backlog.length for queue, backlog in steps_ready().items()}
    if not is_running(scene):
        return [*ended, not_running("Steps", sum(ready.values()))]
    busy = {step.worker for step in heartbeats.steps_held()}
    found = [
        *checks.workers(present, at, busy),
        *checks.queues(present, at, ready),
        *([] if has_reconciler_here() else ended),
        *as_root([row.name for row in present if _is_here(row) and _is_root(row)]),
    ]
    return [finding for finding in found if finding.state is not State.OK] or found


def reconciler(scene: Scene) -> list[Finding]:
    if not is_running(scene):
        return [skipped(NOT_RUNNING)]
    return [checks.reconciler(_present(heartbeats.reconcilers()), now())]


def is_running(scene: Scene) -> bool:
    """Return whether any part of Galley runs, here or on another host."""
    rows = [*_present(heartbeats.reconcilers()), *_present(heartbeats.workers())]
    return bool(scene.supervisor) or any(heartbeats.is_alive(row, now()) for row in rows)


def has_reconciler_here() -> bool:
    at = now()
    rows = _present(heartbeats.reconcilers())
    return any(_is_here(row) and heartbeats.is_alive(row, at) for row in rows)


def _present(rows: Sequence[Row]) -> list[Row]:
    """Leave out the rows of this host whose process has ended."""
    return [row for row in rows if not _is_here(row) or host.started(row.pid) == row.pid_started]


def _is_here(row: WorkerInfo | ReconcilerInfo) -> bool:
    return bool(row.host == host.identity())


def _is_root(row: WorkerInfo) -> bool:
    return Path(f"/proc/{row.pid}").stat().st_uid == 0


def ended_badly(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        yield warning(
            f"{many(names, 'worker')} of this host ended without signing off: {some(names)}.",
            "Start Galley (galley up, or galley reconciler), which reclaims their steps at once.",
        )


def as_root(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        yield warning(
            f"{many(names, 'worker')} of this host run as root, and so does every script of "
            "every superuser; the process limit does not apply to root.",
            "Create a user for Galley (useradd --system galley), give it the data folder "
            "(chown -R), and start Galley as that user.",
        )

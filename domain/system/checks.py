"""System checks: pure rules that turn facts about the installation into findings.

`galley doctor`, the system page, /readyz and /metrics share them; each gathers the facts itself.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.disk import FULL, LOW, Room
from domain.models import ReconcilerInfo, WorkerInfo
from domain.settings import Settings
from domain.system.format import many, size, some, span, without_credentials
from domain.system.heartbeats import host_name, is_alive

# ---- findings --------------------------------------------------------------------------------


class State(StrEnum):
    """The values are part of `galley doctor --json`."""

    OK = "ok"
    WARNING = "warning"
    """Works, but less well or less safely than it could."""
    FAULT = "fault"
    """Does not work, or will lose data."""
    SKIPPED = "skipped"
    """Not checked; the message says why."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    state: State
    message: str
    remedy: str = ""
    """A sentence that says what to do; the command may complete it."""
    command: str = ""
    word: str = ""
    """A more specific word for the state, such as `missing`."""
    started_at: int | None = None
    name: str = ""
    """The check, added by the caller of the rule."""

    @property
    def way_out(self) -> str:
        return f"{self.remedy} {self.command}".strip()


def ok(message: str, **more: Any) -> Finding:
    return Finding(State.OK, message, **more)


def warning(message: str, remedy: str = "", **more: Any) -> Finding:
    return Finding(State.WARNING, message, remedy, **more)


def fault(message: str, remedy: str = "", **more: Any) -> Finding:
    return Finding(State.FAULT, message, remedy, **more)


def skipped(message: str, **more: Any) -> Finding:
    return Finding(State.SKIPPED, message, **more)


def unless(trouble: Iterable[Finding], message: str) -> list[Finding]:
    """Return the trouble, or ok with this message if there is none."""
    return list(trouble) or [ok(message)]


# ---- rules -----------------------------------------------------------------------------------


def migrations(missing: Sequence[str], unknown: Sequence[str]) -> Finding:
    """Compare the database with this program. unknown: migrations that a newer program applied."""
    if unknown:
        return fault(
            f"The database is newer than this program, which does not know {some(unknown)}.",
            "Install the version of Galley that last used the database, or a newer one.",
            word="newer",
        )
    if missing:
        found = f"{many(missing, 'migration')} not applied: {some(missing)}."
        return fault(found, command="galley migrate", word="behind")
    return ok("The database has the tables of this version.")


def redis(settings: Settings, *, answers: bool, error: str = "") -> Finding:
    """Report whether Redis answers. error: the driver's message, without credentials."""
    folder = settings.data_dir / "redis"
    where = without_credentials(settings.redis_url) if settings.redis_url else str(folder)
    if answers:
        return ok(f"Redis answers at {where}.")
    detail = f" ({error})" if error else ""
    return fault(
        f"Redis does not answer at {where}{detail}. Runs are stored, and start when it is back.",
        "Start it, or correct REDIS_URL."
        if settings.redis_url
        else f"Check {folder}/redis.log. If Galley was started with REDIS_URL, set it here too.",
        word="unreachable",
    )


def workers(rows: Sequence[WorkerInfo], at: int, busy: Collection[str] = ()) -> list[Finding]:
    """Return at least one finding, the worst first. busy: names of the workers that hold steps."""
    alive = [row for row in rows if is_alive(row, at)]
    silent = [row for row in rows if not is_alive(row, at)]
    at_work = sum(row.name in busy for row in alive)
    queues = Counter(row.queue for row in alive)
    listed = some([f"{count} on queue {queue}" for queue, count in sorted(queues.items())])
    return unless(
        [*_no_workers(alive), *_silent_workers(silent, at), *_full_disks(alive)],
        f"{many(alive, 'worker')} online, {at_work} busy: {listed}.",
    )


def _no_workers(alive: Sequence[WorkerInfo]) -> Iterator[Finding]:
    if not alive:
        yield fault(
            "No workers online: no step can run.",
            "Check the output of galley up, or start a worker:",
            command="galley worker",
            word="missing",
        )


def _silent_workers(silent: Sequence[WorkerInfo], at: int) -> Iterator[Finding]:
    if silent:
        longest = span(at - min(row.seen_at for row in silent))
        yield warning(
            f"{many(silent, 'worker')} silent for up to {longest}: {_names(silent)}.",
            "Restart them on their hosts (names begin with the host name). Workers that "
            "never return are removed after a day.",
            word="some silent",
        )


def _full_disks(alive: Sequence[WorkerInfo]) -> Iterator[Finding]:
    full = [row for row in alive if not row.has_room]
    if full:
        yield warning(
            f"{many(full, 'worker')} cannot start new runs, because the disk is full: "
            f"{_names(full)}.",
            "Run galley doctor on their hosts (names begin with the host name).",
            word="disk full",
        )


def _names(rows: Sequence[WorkerInfo]) -> str:
    return some([row.name for row in rows])


def queues(rows: Sequence[WorkerInfo], at: int, ready: Mapping[str, int]) -> Iterator[Finding]:
    """Find queues without workers, if any are online. ready: number of ready steps by queue."""
    served = {row.queue for row in rows if is_alive(row, at)}
    for queue in sorted(ready.keys() - served) if served else ():
        yield fault(
            f"{ready[queue]} ready on queue {queue}, which has no workers.",
            "Correct the queue in the workflow, or start a worker:",
            command=worker_of(queue),
        )


def worker_of(queue: str) -> str:
    """Return the command that starts a worker for a queue."""
    return f"galley worker --queue {shlex.quote(queue)}"


def reconciler(rows: Sequence[ReconcilerInfo], at: int) -> Finding:
    alive = [row for row in rows if is_alive(row, at)]
    if alive:
        hosts = some([host_name(row.host) for row in alive])
        noun = "Reconciler" if len(alive) == 1 else f"{len(alive)} reconcilers"
        return ok(f"{noun} running on {hosts}.", started_at=alive[0].started_at)
    start: dict[str, Any] = {"command": "galley reconciler", "word": "missing"}
    if rows:
        silent = span(at - max(row.seen_at for row in rows))
        return fault(
            f"Reconciler {rows[0].name} silent for {silent}: it is paused, or cannot reach the "
            "database.",
            "Check its output, or start another one:",
            **start,
        )
    return fault(
        "No reconciler: steps of lost workers and lost messages wait forever.",
        "Check the output of galley up, or start one:",
        **start,
    )


def storage(settings: Settings, folder: str | None, is_writable: bool) -> Finding:
    """Report the storage. folder: None if it is remote, which only `galley doctor` tests."""
    if folder is None:
        where = without_credentials(settings.storage_url)
        found = f"Packages are stored at {where}."
        return skipped(found, remedy="Test it:", command="galley doctor", word="not tested")
    if is_writable:
        return ok(f"Packages are stored in {folder}.")
    return fault(
        f"Cannot write to {folder}.",
        "Check the disk and the owner of the folder:",
        command="galley doctor",
        word="not writable",
    )


def disk(room: Room, marks: tuple[int, int]) -> Finding:
    """Report the free space. marks: the limits below which it warns, and no new run starts."""
    warn, stop = (size(mark) for mark in marks)
    found = (
        f"{size(_rounded(room.free_bytes))} free on the disk of {room.folder} (warning below "
        f"{warn}, no new runs below {stop})."
    )
    advice: dict[str, Any] = {
        "remedy": "Free some space, or change GALLEY_DISK_WARN_BYTES or GALLEY_DISK_STOP_BYTES. "
        "List the largest folders:",
        "command": f"du -xh --max-depth=2 {shlex.quote(room.folder)}",
        "word": room.state,
    }
    if room.state == FULL:
        return fault(f"No new runs start: {found}", **advice)
    return warning(f"Low disk space: {found}", **advice) if room.state == LOW else ok(found)


def _rounded(size: int) -> int:
    """Round to two digits, because the exact number changes constantly."""
    step: int = 10 ** max(0, len(str(size)) - 2)
    return size // step * step

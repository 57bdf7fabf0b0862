"""How an installation stands: each part with a state, a word and, where need be, what to do.

States are `good`, `warn`, `bad` and `quiet`. Nothing here changes while nothing has changed: what
every beat renews, such as a lease, is told in words until it is late.
"""

import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from domain import disk
from domain.clock import rfc3339
from domain.models import StepRun, WorkerInfo
from domain.runs.pending_facts import silence
from domain.settings import Settings
from domain.system.heartbeats import RECONCILER_MISSED_AFTER_MS, WORKER_MISSED_AFTER_MS
from domain.system.status import Facts

GOOD, WARN, BAD, QUIET = "good", "warn", "bad", "quiet"

DOCTOR = "galley doctor"


def view(facts: Facts, settings: Settings, *, redis_answers: bool) -> dict[str, Any]:
    """All that the page shows; equal as long as it looks the same."""
    held = defaultdict(list)
    for step in facts.held:
        held[step.worker].append(_held(step, facts.at, silence(settings.lease_seconds)))
    return {
        "parts": [
            _database(facts, settings),
            _redis(settings, redis_answers),
            _workers(facts),
            _reconciler(facts),
            _storage(facts, settings),
            _disk(facts),
        ],
        "hosts": list(_hosts(facts, held)),
        "queues": list(_queues(facts)),
    }


def _part(name: str, state: str, word: str, says: str, **more: Any) -> dict[str, Any]:
    """more: `command`, what to do; `since`, a moment that ends the sentence."""
    return {"name": name, "state": state, "word": word, "says": says, **more}


# ---- parts -----------------------------------------------------------------------------------


def _database(facts: Facts, settings: Settings) -> dict[str, Any]:
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    answers = f"{kind} {facts.database_version} answers"
    if facts.unknown_migrations:
        says = f"{answers}, but a newer Galley has used it. Install that version, or a newer one."
        return _part("Database", BAD, "newer", says)
    if facts.missing_migrations:
        says = f"{answers}, but lacks migrations: {', '.join(facts.missing_migrations)}."
        return _part("Database", BAD, "behind", says, command="galley migrate")
    return _part("Database", GOOD, "ok", f"{answers} and has the tables of this version.")


def _redis(settings: Settings, answers: bool) -> dict[str, Any]:
    where = _place(settings.redis_url) if settings.redis_url else str(settings.data_dir / "redis")
    if answers:
        return _part("Redis", GOOD, "ok", f"Answers at {where}.")
    says = (
        f"Does not answer at {where}. Runs are stored meanwhile, and start by themselves when it "
        "is back."
    )
    return _part("Redis", BAD, "unreachable", says, command=DOCTOR)


def _place(url: str) -> str:
    """Where an address leads, without for whom."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname or ''}:{parts.port or 6379}"


def _workers(facts: Facts) -> dict[str, Any]:
    alive = [row for row in facts.workers if _is_heard(row, facts.at)]
    silent = len(facts.workers) - len(alive)
    if not alive:
        says = "Nobody works: no step can run."
        return _part("Workers", BAD, "missing", says, command="galley worker")
    busy = len({step.worker for step in facts.held} & {row.name for row in alive})
    says = f"{len(alive)} {'listens' if len(alive) == 1 else 'listen'}, {busy} at work."
    if silent:
        says += f" {silent} more {'has' if silent == 1 else 'have'} fallen silent: see below."
        return _part("Workers", WARN, "some silent", says)
    if any(not row.has_room for row in alive):
        return _part("Workers", WARN, "short of room", says, command=DOCTOR)
    return _part("Workers", GOOD, "ok", says)


def _reconciler(facts: Facts) -> dict[str, Any]:
    limit = facts.at - RECONCILER_MISSED_AFTER_MS
    alive = [row for row in facts.reconcilers if row.seen_at > limit]
    if alive:
        says = f"One repairs, on {_host_name(alive[0].host)}."
        if len(alive) > 1:
            says = f"{len(alive)} repair, the first of them on {_host_name(alive[0].host)}."
        return _part("Reconciler", GOOD, "ok", says, since=rfc3339(alive[0].started_at))
    says = "Nobody repairs: steps of lost workers and lost messages wait for ever."
    return _part("Reconciler", BAD, "missing", says, command="galley reconciler")


def _storage(facts: Facts, settings: Settings) -> dict[str, Any]:
    folder = disk.storage_folder(settings)
    if folder is None:
        scheme = urlsplit(settings.storage_url).scheme
        says = f"Packages lie in a remote storage ({scheme}). To try it out:"
        return _part("Storage", QUIET, "not tried", says, command=DOCTOR)
    if facts.storage_is_writable:
        return _part("Storage", GOOD, "ok", f"Packages lie in {folder}.")
    says = f"Nothing can be written to {folder}."
    return _part("Storage", BAD, "not writable", says, command=DOCTOR)


def _disk(facts: Facts) -> dict[str, Any]:
    state, word = {
        disk.OK: (GOOD, "ok"),
        disk.LOW: (WARN, "low"),
        disk.FULL: (BAD, "full"),
    }[facts.room.state]
    warn, stop = facts.marks
    more = {} if state == GOOD else {"command": f"du -xh --max-depth=2 {_quoted(facts)}"}
    return _part(
        "Disk",
        state,
        word,
        {
            disk.OK: f"Room enough at {facts.room.folder}.",
            disk.LOW: f"Little room is left at {facts.room.folder}. Where it went:",
            disk.FULL: f"No run begins before there is more room at {facts.room.folder}. "
            "Where it went:",
        }[facts.room.state],
        sizes=[
            ("free", _rounded(facts.room.free_bytes)),
            ("warns below", _rounded(warn)),
            ("no run begins below", _rounded(stop)),
        ],
        **more,
    )


def _quoted(facts: Facts) -> str:
    return shlex.quote(facts.room.folder)


def _rounded(size: int) -> int:
    """To two digits: what is free changes all the time, but nobody wants to see that."""
    step = 10 ** max(0, len(str(size)) - 2)
    return size // step * step


# ---- workers ---------------------------------------------------------------------------------


def _is_heard(row: WorkerInfo, at: int) -> bool:
    return bool(row.seen_at > at - WORKER_MISSED_AFTER_MS)


def _hosts(facts: Facts, held: Mapping[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Host by host, its workers by queue; then what is held by workers that nobody knows."""
    by_host: dict[str, list[WorkerInfo]] = defaultdict(list)
    for row in facts.workers:
        by_host[row.host].append(row)
    names = Counter(_host_name(host) for host in by_host)
    for host, rows in by_host.items():
        name = _host_name(host)
        yield {
            "name": name,
            "more": host.partition("/")[2] if names[name] > 1 else "",
            "workers": [_worker(row, facts.at, held.get(row.name, [])) for row in rows],
        }
    lost = sorted(held.keys() - {row.name for row in facts.workers})
    if lost:
        gone = {"queue": "", "startedAt": None, "state": BAD, "word": "gone", "silentSince": None}
        yield {
            "name": "Not known any more",
            "more": "",
            "workers": [{"name": name, **gone, "holds": held[name]} for name in lost],
        }


def _worker(row: WorkerInfo, at: int, holds: list[dict[str, Any]]) -> dict[str, Any]:
    """silentSince: when it was last heard of, if that is too long ago."""
    is_heard = _is_heard(row, at)
    if not is_heard:
        state, word = BAD, "silent"
    elif not row.has_room:
        state, word = WARN, "disk full"
    else:
        state, word = GOOD, "at work" if holds else "idle"
    return {
        "name": row.name,
        "queue": row.queue,
        "startedAt": rfc3339(row.started_at),
        "state": state,
        "word": word,
        "silentSince": None if is_heard else rfc3339(row.seen_at),
        "holds": holds,
    }


def _held(step: StepRun, at: int, silence_ms: int) -> dict[str, Any]:
    """lease: `held` as long as it is renewed in time, `ends`, or `over`."""
    until = step.lease_until or 0
    lease = "over" if until <= at else "ends" if until <= at + silence_ms else "held"
    return {
        "stepRunId": step.id,
        "stepName": step.name,
        "runId": step.run.id,
        "runNumber": step.run.number,
        "workflowName": step.run.workflow.name,
        "lease": lease,
        "leaseUntil": rfc3339(until) if lease == "ends" else None,
    }


def _host_name(host: str) -> str:
    """Without the boot and the set of process numbers that tell hosts of one name apart."""
    return host.partition("/")[0]


# ---- queues ----------------------------------------------------------------------------------


def _queues(facts: Facts) -> Iterator[dict[str, Any]]:
    alive = [row for row in facts.workers if _is_heard(row, facts.at)]
    listeners = Counter(row.queue for row in alive)
    roomy = {row.queue for row in alive if row.has_room}
    running = Counter(step.queue for step in facts.held)
    for name in sorted({*listeners, *facts.ready, *running}):
        line = facts.ready.get(name)
        state, word = _queue_state(name, listeners, roomy, is_waiting=line is not None)
        yield {
            "name": name,
            "workers": listeners[name],
            "running": running[name],
            "waiting": line.length if line else 0,
            "oldestAt": rfc3339(line.oldest_at) if line else None,
            "state": state,
            "word": word,
            "command": f"galley worker --queue {shlex.quote(name)}" if state == BAD else None,
        }


def _queue_state(
    name: str, listeners: Mapping[str, int], roomy: Collection[str], *, is_waiting: bool
) -> tuple[str, str]:
    if not listeners[name]:
        return (BAD, "nobody listens") if is_waiting else (QUIET, "nobody listens")
    return (GOOD, "ok") if name in roomy else (WARN, "no room")

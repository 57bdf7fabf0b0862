"""The system page's data: the findings of the checks, the workers by host, and the queues.

It changes only when the page does: words stand for the times that each heartbeat renews.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from domain.models import StepRun, WorkerInfo
from domain.runs.pending_facts import silence
from domain.settings import Settings
from domain.system import checks
from domain.system.checks import Finding, State
from domain.system.heartbeats import host_name, is_alive
from domain.system.status import Status


def view(status: Status, settings: Settings) -> dict[str, Any]:
    held = defaultdict(list)
    for step in status.held:
        held[step.worker].append(_held(step, status.at, silence(settings.lease_seconds)))
    return {
        "parts": [_part(finding) for finding in status.findings],
        "hosts": list(_hosts(status, held)),
        "queues": list(_queues(status)),
    }


def _part(finding: Finding) -> dict[str, Any]:
    return {
        **vars(finding),
        "name": finding.name.capitalize(),
        "word": finding.word or finding.state,
        "startedAt": finding.started_at,
    }


def _hosts(status: Status, held: Mapping[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield each host with its workers by queue, then the unknown workers that hold steps."""
    by_host: dict[str, list[WorkerInfo]] = defaultdict(list)
    for row in status.workers:
        by_host[row.host].append(row)
    names = Counter(host_name(host) for host in by_host)
    for host, rows in by_host.items():
        name = host_name(host)
        yield {
            "name": name,
            "more": host.partition("/")[2] if names[name] > 1 else "",
            "workers": [_worker(row, status.at, held.get(row.name, [])) for row in rows],
        }
    lost = sorted(held.keys() - {row.name for row in status.workers})
    if lost:
        gone = {"state": State.FAULT, "word": "gone"}
        workers = [{"name": name, **gone, "holds": held[name]} for name in lost]
        yield {"name": "Unknown host", "more": "", "workers": workers}


def _worker(row: WorkerInfo, at: int, holds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row of the table. silentSince: the last heartbeat, if it is too long ago."""
    alive = is_alive(row, at)
    if not alive:
        state, word = State.FAULT, "silent"
    elif not row.has_room:
        state, word = State.WARNING, "disk full"
    else:
        state, word = State.OK, "busy" if holds else "idle"
    return {
        "name": row.name,
        "queue": row.queue,
        "startedAt": row.started_at,
        "state": state,
        "word": word,
        "silentSince": None if alive else row.seen_at,
        "holds": holds,
    }


def _held(step: StepRun, at: int, silence_ms: int) -> dict[str, Any]:
    """Return a held step. lease: `held` while it is renewed in time, then `ends`, then `over`."""
    until = step.lease_until or 0
    lease = "over" if until <= at else "ends" if until <= at + silence_ms else "held"
    return {
        "stepRunId": step.id,
        "stepName": step.name,
        "runId": step.run.id,
        "runNumber": step.run.number,
        "workflowName": step.run.workflow.name,
        "lease": lease,
        "leaseUntil": until if lease == "ends" else None,
    }


def _queues(status: Status) -> Iterator[dict[str, Any]]:
    alive = [row for row in status.workers if is_alive(row, status.at)]
    listeners = Counter(row.queue for row in alive)
    roomy = {row.queue for row in alive if row.has_room}
    running = Counter(step.queue for step in status.held)
    for name in sorted({*listeners, *status.ready, *running}):
        backlog = status.ready.get(name)
        if name in roomy:
            state, word = State.OK, "ok"
        elif listeners[name]:
            state, word = State.WARNING, "disk full"
        else:
            state, word = State.FAULT if backlog else State.SKIPPED, "no workers"
        yield {
            "name": name,
            "workers": listeners[name],
            "running": running[name],
            "waiting": backlog.length if backlog else 0,
            "oldestAt": backlog.oldest_at if backlog else None,
            "state": state,
            "word": word,
            "command": checks.worker_of(name) if state is State.FAULT else None,
        }

"""Statistics of a workflow's runs: GET /api/workflows/{id}/metadata.

Counts and rates cover all runs (of the last `days`). Durations come from the newest RUN_SAMPLE runs
that succeeded or failed, those of steps from fewer of them, which have about STEP_SAMPLE step runs:
old runs mean little, and a million of them must not be slow. Cancelled runs are counted, but enter
no rate or duration. Unknown values are null, never 0. Every percentile is a value that occurred.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import JOIN, fn

from domain.clock import DAY_MS, elapsed, now
from domain.definitions.schema import STEP_TYPES
from domain.models import Release, Run, StepRun, Workflow
from domain.statuses import FAILED, RUN_STATUSES, SUCCEEDED
from domain.workflows.queries import get_revision

RUN_SAMPLE = 1000
STEP_SAMPLE = 10_000
STEP_RUNS_SAMPLE = 200
RECENT = 30

JUDGED = (SUCCEEDED, FAILED)
"""Statuses that enter rates and durations."""


# ---- pure ------------------------------------------------------------------------------------


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Return the smallest of the sorted values that at least `percent` of them do not exceed."""
    return values[math.ceil(len(values) * percent / 100) - 1] if values else None


def spread(values: Iterable[int]) -> dict[str, int | None]:
    """Return min, median, p90, p95, max and mean of durations in milliseconds, null if none."""
    known = sorted(values)
    return {
        "min": known[0] if known else None,
        "median": percentile(known, 50),
        "p90": percentile(known, 90),
        "p95": percentile(known, 95),
        "max": known[-1] if known else None,
        "mean": round(sum(known) / len(known)) if known else None,
    }


def rate(part: int, rest: int) -> float | None:
    """Return the share of `part` in both, from 0 to 1; null if both are 0."""
    return round(part / (part + rest), 4) if part + rest else None


def step_statistics(
    definition: Mapping[str, Any], ended: Iterable[tuple[str, str, int | None, int | None]]
) -> list[dict[str, Any]]:
    """Return runs, failure rate and median duration of each step of the definition.

    ended: name, status, start and end of step runs that succeeded or failed.
    """
    counts: Counter[tuple[str, str]] = Counter()
    durations: dict[str, list[int]] = {}
    for name, status, start, end in ended:
        counts[name, status] += 1
        duration = elapsed(start, end)
        if duration is not None:
            durations.setdefault(name, []).append(duration)
    return [
        {
            "stage": stage["name"],
            "name": step["name"],
            "type": step["type"],
            "runs": counts[step["name"], SUCCEEDED] + counts[step["name"], FAILED],
            "failureRate": rate(counts[step["name"], FAILED], counts[step["name"], SUCCEEDED]),
            "durationMs": percentile(sorted(durations.get(step["name"], [])), 50),
        }
        for stage in definition["stages"]
        for step in stage["steps"]
    ]


def of_recent(runs: Iterable[Run]) -> dict[str, Any]:
    """Return successRate and medianMs of some runs of one workflow."""
    judged = [run for run in runs if run.status in JUDGED]
    succeeded = sum(run.status == SUCCEEDED for run in judged)
    durations = _known(elapsed(run.started_at, run.completed_at) for run in judged)
    return {
        "successRate": rate(succeeded, len(judged) - succeeded),
        "medianMs": percentile(sorted(durations), 50),
    }


# ---- with the database -----------------------------------------------------------------------


def metadata(workflow: Workflow, days: int | None = None) -> dict[str, Any]:
    """Return the statistics of a workflow. days: only runs created in the last days."""
    definition = get_revision(workflow, workflow.revision).definition
    types = Counter(step["type"] for stage in definition["stages"] for step in stage["steps"])
    since = None if days is None else now() - days * DAY_MS
    return {
        "workflowId": workflow.id,
        "name": workflow.name,
        "projectId": workflow.project_id,
        "revision": workflow.revision,
        "isEnabled": workflow.is_enabled,
        "createdAt": workflow.created_at,
        "createdBy": workflow.created_by,
        "updatedAt": workflow.updated_at,
        "updatedBy": workflow.updated_by,
        "stageCount": workflow.stage_count,
        "stepCount": workflow.step_count,
        "stepCountByType": {kind: types[kind] for kind in STEP_TYPES},
        **_of_runs(workflow, definition, since),
    }


def step_medians(workflow: Workflow, definition: Mapping[str, Any]) -> dict[str, int | None]:
    """Return step name → median duration in milliseconds, for the steps of the definition."""
    judged = (Run.workflow == workflow.id) & Run.status.in_(JUDGED)
    ended = _ended_steps(workflow, _newest(judged, STEP_RUNS_SAMPLE))
    return {found["name"]: found["durationMs"] for found in step_statistics(definition, ended)}


def _of_runs(
    workflow: Workflow, definition: Mapping[str, Any], since: int | None
) -> dict[str, Any]:
    runs = Run.workflow == workflow.id
    if since is not None:
        runs &= Run.created_at >= since
    counts = _counts(runs)
    recent = _newest(runs, RECENT)
    sample = _newest(runs & Run.status.in_(JUDGED), RUN_SAMPLE)
    success = _newest(runs & (Run.status == SUCCEEDED), 1)
    failure = _newest(runs & (Run.status == FAILED), 1)
    queued = sorted(_known(elapsed(run.created_at, run.started_at) for run in sample))
    return {
        "runs": {"total": sum(counts.values()), **counts},
        "successRate": rate(counts[SUCCEEDED], counts[FAILED]),
        "durationMs": spread(_known(elapsed(run.started_at, run.completed_at) for run in sample)),
        "queueMs": {"median": percentile(queued, 50), "p95": percentile(queued, 95)},
        "lastRun": brief(recent[0]) if recent else None,
        "lastSuccess": brief(success[0]) if success else None,
        "lastFailure": brief(failure[0]) if failure else None,
        "failingStreak": _failing_streak(runs, success),
        "releaseCount": _release_count(runs),
        "recentRuns": [brief(run) for run in recent],
        "steps": step_statistics(definition, _ended_steps(workflow, sample)),
    }


def brief(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "status": run.status,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "completedAt": run.completed_at,
        "durationMs": elapsed(run.started_at, run.completed_at),
    }


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _counts(runs: Any) -> dict[str, int]:
    query = Run.select(Run.status, fn.COUNT(Run.status)).where(runs).group_by(Run.status)
    found = dict(query.tuples())
    return {status: found.get(status, 0) for status in RUN_STATUSES}


def _newest(runs: Any, limit: int) -> list[Run]:
    columns = (Run.id, Run.number, Run.status, Run.created_at, Run.started_at, Run.completed_at)
    return list(Run.select(*columns).where(runs).order_by(Run.number.desc()).limit(limit))


def _failing_streak(runs: Any, success: Sequence[Run]) -> int:
    failed = runs & (Run.status == FAILED)
    if success:
        failed &= Run.number > success[0].number
    return int(Run.select().where(failed).count())


def _release_count(runs: Any) -> int:
    # CROSS makes SQLite start with the releases, which are fewer than the runs.
    made = Release.select().join(Run, JOIN.CROSS).where(Release.run_id == Run.id).where(runs)
    return int(made.count())


def _ended_steps(
    workflow: Workflow, sample: Sequence[Run]
) -> Iterable[tuple[str, str, int | None, int | None]]:
    newest = min(STEP_RUNS_SAMPLE, max(1, STEP_SAMPLE // workflow.step_count))
    ids = [run.id for run in sample[:newest]]
    columns = (StepRun.name, StepRun.status, StepRun.started_at, StepRun.completed_at)
    ran = StepRun.status.in_(JUDGED) & StepRun.kept_from.is_null()
    query = StepRun.select(*columns).where(StepRun.run.in_(ids), ran)
    found: Iterable[tuple[str, str, int | None, int | None]] = query.tuples()
    return found

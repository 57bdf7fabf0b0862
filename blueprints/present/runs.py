"""Runs, their stages, steps, attempts and tests."""

from collections.abc import Sequence
from typing import Any

from blueprints.present import catalog
from domain.clock import elapsed, rfc3339
from domain.models import Attempt, Run, RunEvent, StageRun, StepRun, TestResult, UploadedLog
from domain.runs.pending_reasons import Reason
from domain.runs.queries import Details


def run_item(run: Run) -> dict[str, Any]:
    """A run in a list."""
    return {
        "id": run.id,
        "number": run.number,
        "workflowId": run.workflow_id,
        "workflowName": run.workflow.name,
        "projectId": run.project_id,
        "status": run.status,
        "triggerSource": run.trigger_source,
        "triggeredBy": run.triggered_by,
        "createdAt": rfc3339(run.created_at),
        "startedAt": rfc3339(run.started_at),
        "completedAt": rfc3339(run.completed_at),
        "durationMs": elapsed(run.started_at, run.completed_at),
    }


def run(details: Details, *, attempts: bool = True) -> dict[str, Any]:
    """A whole run: its stages with their steps, why it waits, what it released.

    attempts: False leaves out those of the steps, which a page shows of one step only.
    """
    row = details.run
    return {
        **run_item(row),
        "revision": row.revision,
        "parameters": row.parameters,
        "rerunOf": row.rerun_of,
        "message": row.message,
        "cancelRequestedBy": row.cancelled_by,
        "waiting": _reasons(details.reasons.run),
        "stageRuns": [stage(item, details, attempts=attempts) for item in details.stages],
        "releases": [catalog.release(item, details.packages[item.id]) for item in details.releases],
        "events": [event(item) for item in details.events],
        "uploads": [upload(item) for item in details.uploads],
    }


def stage(row: StageRun, details: Details, *, attempts: bool = True) -> dict[str, Any]:
    own = details.steps_of.get(row.id, [])
    return {
        "id": row.id,
        "stageName": row.name,
        "order": row.order,
        "status": row.status,
        "startedAt": rfc3339(row.started_at),
        "completedAt": rfc3339(row.completed_at),
        "durationMs": elapsed(row.started_at, row.completed_at),
        "runIf": row.run_if,
        "approval": row.approval,
        "decision": _decision(row),
        "waiting": _reasons(details.reasons.stages[row.id]),
        "stepRuns": [step(item, details, attempts=attempts) for item in own],
    }


def _decision(row: StageRun) -> dict[str, Any] | None:
    if row.decision is None:
        return None
    return {
        "decision": row.decision,
        "by": row.decided_by,
        "at": rfc3339(row.decided_at),
        "comment": row.comment,
    }


def step(row: StepRun, details: Details, *, attempts: bool = True) -> dict[str, Any]:
    own = {"attempts": attempts_of(row, details)} if attempts else {}
    return {
        "id": row.id,
        "stepName": row.name,
        "stepType": row.type,
        "status": row.status,
        "attempt": row.attempt,
        "startedAt": rfc3339(row.started_at),
        "completedAt": rfc3339(row.completed_at),
        "durationMs": elapsed(row.started_at, row.completed_at),
        "exitCode": row.exit_code,
        "message": row.message,
        "waiting": _reasons(details.reasons.steps[row.id]),
        "logSize": row.log_size,
        "releaseId": row.release_id,
        "deploymentId": row.deployment_id,
        "outsideEffect": row.outside_effect,
        "keptFrom": row.kept_from,
        "tests": row.test_counts,
        **own,
    }


def attempts_of(step: StepRun, details: Details) -> list[dict[str, Any]]:
    """Of one step, oldest first."""
    return [attempt(item) for item in details.attempts_of.get(step.id, [])]


def attempt(row: Attempt) -> dict[str, Any]:
    return {
        "attempt": row.number,
        "status": row.status,
        "worker": row.worker,
        "startedAt": rfc3339(row.started_at),
        "completedAt": rfc3339(row.completed_at),
        "durationMs": elapsed(row.started_at, row.completed_at),
        "exitCode": row.exit_code,
        "message": row.message,
        "logSize": row.log_size,
    }


def event(row: RunEvent) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at),
        "actor": row.actor,
        "message": row.message,
        "stepRunId": row.step_run_id,
    }


def upload(row: UploadedLog) -> dict[str, Any]:
    return {
        "name": row.name,
        "size": row.size,
        "sha256": row.sha256,
        "uploadedAt": rfc3339(row.uploaded_at),
        "uploadedBy": row.uploaded_by,
    }


def test(row: TestResult) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "suite": row.suite,
        "result": row.result,
        "durationMs": row.duration_ms,
        "message": row.message,
        "reviewStatus": row.review_status,
        "reviewedBy": row.reviewed_by,
        "reviewedAt": rfc3339(row.reviewed_at),
        "comment": row.comment,
    }


def _reasons(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    return [
        {**reason, "since": rfc3339(reason["since"]), "until": rfc3339(reason["until"])}
        for reason in reasons
    ]

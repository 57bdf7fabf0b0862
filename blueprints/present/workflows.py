"""Workflows and their revisions."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from domain.clock import rfc3339
from domain.errors import MAX_DETAILS
from domain.models import Run, Workflow, WorkflowRevision
from domain.workflows.preview import Examined, PlannedStep
from domain.workflows.queries import Detail
from domain.workflows.workflows import version_of


def item(row: Workflow, last_run: Run | None) -> dict[str, Any]:
    """One of a list; `last_run` is its newest run."""
    return {
        "id": row.id,
        "name": row.name,
        "projectId": row.project_id,
        "isEnabled": row.is_enabled,
        "stageCount": row.stage_count,
        "description": row.description,
        "revision": row.revision,
        "updatedAt": rfc3339(row.updated_at),
        "lastRun": last_run
        and {
            "id": last_run.id,
            "number": last_run.number,
            "status": last_run.status,
            "completedAt": rfc3339(last_run.completed_at),
        },
    }


def recent_run(run: Run) -> dict[str, Any]:
    """A mark in the list."""
    return {"id": run.id, "number": run.number, "status": run.status}


def workflow(detail: Detail) -> dict[str, Any]:
    row, definition = detail.workflow, detail.definition
    return {
        "id": row.id,
        "name": row.name,
        "projectId": row.project_id,
        "description": row.description,
        "isEnabled": row.is_enabled,
        "revision": row.revision,
        "createdAt": rfc3339(row.created_at),
        "createdBy": row.created_by,
        "updatedAt": rfc3339(row.updated_at),
        "updatedBy": row.updated_by,
        "parameters": definition["parameters"],
        "concurrency": definition["concurrency"],
        "stages": definition["stages"],
        "warnings": [warning.as_dict() for warning in detail.warnings],
    }


def etag(detail: Detail) -> str:
    """The version, which has three parts, and a fourth for the warnings: they change without it.

    If-Match looks at the version only (`versions_in`).
    """
    warnings = json.dumps([warning.as_dict() for warning in detail.warnings])
    digest = hashlib.sha256(warnings.encode()).hexdigest()[:8] if detail.warnings else "0"
    return f"{version_of(detail.workflow)}-{digest}"


def versions_in(tags: Iterable[str | None]) -> set[str]:
    """The versions that some ETags of ours stand for, whatever a proxy has put behind them.

    Apache makes `…-gzip` of the tag of what it compresses. An empty tag is read as None.
    """
    return {"-".join(tag.split("-")[:3]) for tag in tags if tag}


def revision_item(row: WorkflowRevision) -> dict[str, Any]:
    return {
        "revision": row.number,
        "createdAt": rfc3339(row.created_at),
        "createdBy": row.created_by,
        "comment": row.comment,
    }


def revision(row: WorkflowRevision) -> dict[str, Any]:
    """`definition` can be sent in a PUT as it is, to restore it."""
    return {**revision_item(row), "definition": row.definition}


def validation(found: Examined) -> dict[str, Any]:
    return {
        "valid": not found.errors,
        "errors": [fault.as_dict() for fault in found.errors[:MAX_DETAILS]],
        "warnings": [warning.as_dict() for warning in found.warnings],
        "plan": [_planned(step) for step in found.steps],
    }


def _planned(step: PlannedStep) -> dict[str, Any]:
    return {
        "stage": step.stage,
        "name": step.name,
        "type": step.type,
        "ingredientId": step.ingredient_id,
        "testSuite": step.test_suite,
        "releases": list(step.releases),
        "target": step.target,
        "driver": step.driver,
        "artifactPath": step.artifact_path,
        "durationMs": step.duration_ms,
    }

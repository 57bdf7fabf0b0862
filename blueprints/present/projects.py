"""Projects, members, test suites, environments, deployments, secrets."""

from typing import Any

from domain.accounts.access import Actor
from domain.clock import rfc3339
from domain.models import Deployment, Environment, Member, Project, Secret, TestSuite
from domain.releases import deployments


def project(row: Project, actor: Actor) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "createdAt": rfc3339(row.created_at),
        "createdBy": row.created_by,
        "yourRole": actor.role_in(row.id),
    }


def member(row: Member) -> dict[str, Any]:
    return {
        "username": row.user.username,
        "displayName": row.user.display_name,
        "role": row.role,
    }


def test_suite(row: TestSuite) -> dict[str, Any]:
    return {
        "name": row.name,
        "projectId": row.project_id,
        "script": row.script,
        "timeoutSeconds": row.timeout_seconds,
        "description": row.description,
        "updatedAt": rfc3339(row.updated_at),
        "updatedBy": row.updated_by,
    }


def environment(
    row: Environment, deployed: Deployment | None, lost: Deployment | None
) -> dict[str, Any]:
    """`deployed` is what is in it now, unless what was `lost` since has changed it."""
    return {
        "name": row.name,
        "projectId": row.project_id,
        "driver": row.driver,
        "settings": row.settings,
        "requiresApproval": row.requires_approval,
        "description": row.description,
        "updatedAt": rfc3339(row.updated_at),
        "updatedBy": row.updated_by,
        "deployed": deployment(deployed) if deployed else None,
        "outcomeUnknown": deployment(lost) if lost else None,
    }


def deployment(row: Deployment) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "releaseId": row.release_id,
        "artifact": row.artifact,
        "sha256": row.sha256 or None,
        "runId": row.run_id,
        "stepRunId": row.step_run_id,
        "attempt": row.attempt,
        "startedAt": rfc3339(row.started_at),
        "completedAt": rfc3339(row.completed_at),
        "deployedBy": row.deployed_by,
        "message": row.message,
    }


def secret(row: Secret) -> dict[str, Any]:
    """All that anybody gets to know of it."""
    return {
        "name": row.name,
        "projectId": row.project_id,
        "updatedAt": rfc3339(row.updated_at),
        "updatedBy": row.updated_by,
    }


def with_deployments(rows: list[Environment]) -> list[dict[str, Any]]:
    """Environments with what is in them, for the pages as well."""
    deployed, lost = deployments.deployed_now(rows), deployments.lost_in(rows)
    return [environment(row, deployed.get(row.id), lost.get(row.id)) for row in rows]

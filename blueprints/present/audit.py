"""Events of the audit."""

from typing import Any

from domain.clock import rfc3339
from domain.models import AuditEvent


def event(row: AuditEvent) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": rfc3339(row.at),
        "actor": row.actor or None,
        "action": row.action,
        "objectKind": row.object_kind,
        "objectId": row.object_id,
        "projectId": row.project_id,
        "detail": row.detail,
        "address": row.address,
    }

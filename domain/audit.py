"""The record of who did what to what, when and from where."""

from collections.abc import Mapping
from typing import Any

from domain.access import Actor
from domain.models import AuditEvent


def record(
    actor: Actor,
    action: str,
    kind: str,
    object_id: str,
    *,
    project_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note a change; call it inside the change's own transaction, so that neither is alone.

    action: what was done to the kind of object, such as `create`; detail: plain JSON, no secrets.
    """
    AuditEvent.create(
        actor=actor.username,
        action=action,
        object_kind=kind,
        object_id=object_id,
        project_id=project_id,
        detail=dict(detail or {}),
        address=actor.address,
    )

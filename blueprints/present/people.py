"""Users and tokens."""

from typing import Any

from domain.accounts.access import Actor
from domain.clock import rfc3339
from domain.models import Member, Token, User


def user(row: User) -> dict[str, Any]:
    return {
        "username": row.username,
        "displayName": row.display_name,
        "email": row.email,
        "isSystemAdmin": row.is_system_admin,
        "createdAt": rfc3339(row.created_at),
    }


def me(row: User, actor: Actor) -> dict[str, Any]:
    """The caller, with their role in each of their projects and the scope they act with."""
    projects = [{"projectId": name, "role": role} for name, role in sorted(actor.roles.items())]
    return {**user(row), "projects": projects, "scope": actor.scope}


def membership(row: Member) -> dict[str, Any]:
    """The role of somebody in a project, for their own page."""
    return {"projectId": row.project_id, "projectName": row.project.name, "role": row.role}


def token(row: Token) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "scopes": ["read", "write"] if row.scope == "write" else ["read"],
        "createdAt": rfc3339(row.created_at),
        "expiresAt": rfc3339(row.expires_at),
        "lastUsedAt": rfc3339(row.last_used_at),
    }

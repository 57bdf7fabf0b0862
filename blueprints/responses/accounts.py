"""Users and tokens."""

from typing import Any, Literal, Self

from pydantic import Field

from blueprints.responses.base import Answer, Id, Role, Slug, Time
from domain import models
from domain.accounts.access import Actor

Scope = Literal["read", "write"]


class User(Answer):
    """A person who can sign in or holds tokens."""

    username: Slug = Field(description="It never changes.")
    display_name: str
    email: str
    is_system_admin: bool = Field(description="Whether they may do everything, everywhere.")
    created_at: Time


class Membership(Answer):
    """A role in a project."""

    project_id: Slug
    role: Role


class Me(User):
    """The caller."""

    projects: list[Membership] = Field(description="The caller's projects.")
    scope: Scope = Field(description="The caller's scope; a session may write.")


def me(row: models.User, actor: Actor) -> Me:
    """Return the caller, with their role in each of their projects."""
    roles = [{"project_id": name, "role": role} for name, role in sorted(actor.roles.items())]
    return Me.of(row, projects=roles, scope=actor.scope)


class Token(Answer):
    """A token without its text, which is not stored."""

    id: Id
    name: str = Field(description="Its purpose.")
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None = Field(description="Null: it is valid until it is revoked.")
    last_used_at: Time | None = Field(description="To the minute; null: never.")

    @classmethod
    def of(cls, row: object, **members: Any) -> Self:
        """Return the answer about a row; a token that may write may read as well."""
        scopes = ["read", "write"] if row.scope == "write" else ["read"]  # type: ignore[attr-defined]
        return super().of(row, scopes=scopes, **members)


class CreatedToken(Token):
    """A token with its text; no other answer shows it."""

    token: str = Field(
        json_schema_extra={"pattern": "^gal_"}, description="It is never shown again."
    )

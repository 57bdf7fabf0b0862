"""Users and tokens."""

from typing import Literal

from pydantic import Field

from blueprints.responses.base import Answer, Id, Slug, Time

Scope = Literal["read", "write"]


class User(Answer):
    """Somebody who may sign in, or has a token."""

    username: Slug = Field(description="It never changes.")
    display_name: str
    email: str
    is_system_admin: bool = Field(description="Whether they may do everything, everywhere.")
    created_at: Time


class Membership(Answer):
    """A role in a project."""

    project_id: Slug
    role: Literal["User", "SuperUser", "Admin"]


class Me(User):
    """The caller."""

    projects: list[Membership] = Field(description="Where the caller has a role.")
    scope: Scope = Field(description="With which the caller acts; a session may write.")


class Token(Answer):
    """All that is known of a token afterwards."""

    id: Id
    name: str = Field(description="What it is for.")
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None = Field(description="Null: it is valid until it is revoked.")
    last_used_at: Time | None = Field(description="To the minute; null: never.")


class CreatedToken(Token):
    """A token, in the only answer that ever holds it."""

    token: str = Field(
        json_schema_extra={"pattern": "^gal_"}, description="It is never shown again."
    )

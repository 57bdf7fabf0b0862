"""Users and tokens."""

from typing import Literal

from pydantic import Field

from blueprints.answers import Answer, Id, Slug, Time

Scope = Literal["read", "write"]


class User(Answer):
    username: Slug
    display_name: str
    email: str
    is_system_admin: bool
    created_at: Time


class Membership(Answer):
    project_id: Slug
    role: Literal["User", "SuperUser", "Admin"]


class Me(User):
    """The caller."""

    projects: list[Membership]
    scope: Scope = Field(description="With which the caller acts; a session may write.")


class Token(Answer):
    """All that is known of a token afterwards."""

    id: Id
    name: str
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None


class CreatedToken(Token):
    token: str = Field(
        json_schema_extra={"pattern": "^gal_"}, description="It is never shown again."
    )

"""Requests about users and their tokens."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from blueprints.requests.base import Schema, example
from domain.validation import patterns
from domain.validation.fields import Line, Name, Rule, Slug, matches, refusal

RESERVED_USERNAMES = ("me", "tokens")
"""Words with a meaning of their own in addresses; `patterns.USERNAME` excludes them."""

Username = Annotated[
    Slug, matches(patterns.USERNAME, "reserved", "is a word with a meaning of its own")
]
Email = Annotated[
    str,
    StringConstraints(max_length=320),
    matches(patterns.WORD, "invalid_text", "must not hold spaces or control characters"),
]


def _password(value: str) -> str:
    """Check the length: it makes a password good, and its upper bound keeps hashing cheap."""
    if len(value) < 8:
        raise refusal("too_short", "must have at least 8 characters")
    if len(value) > 1000:
        raise refusal("too_long", "must have at most 1000 characters")
    return value


Password = Annotated[
    str,
    Rule(_password, {"minLength": 8, "maxLength": 1000, "format": "password", "writeOnly": True}),
]


class SignIn(Schema):
    whole: ClassVar[str] = "the sign-in"
    username: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class NewUser(Schema):
    model_config = example(
        username="ada",
        password="an engine of numbers",  # noqa: S106
        displayName="Ada Lovelace",
        email="ada@example.org",
    )
    whole: ClassVar[str] = "a user"
    username: Username = Field(description="It cannot change. `me` and `tokens` are reserved.")
    password: Password | None = Field(None, description="Without one only tokens give access.")
    display_name: Line = ""
    email: Email = ""
    is_system_admin: bool = Field(False, description="Whether they may do everything, everywhere.")


class OwnChange(Schema):
    """A change of the caller's own account."""

    model_config = example(displayName="Ada King", email="countess@example.org")
    whole: ClassVar[str] = "a user"
    display_name: Line
    email: Email


class UserChange(OwnChange):
    """A change of a user. Nothing has a default, so an omission removes nothing by mistake."""

    model_config = example(
        displayName="Ada King", email="countess@example.org", isSystemAdmin=False
    )
    is_system_admin: bool = Field(description="Whether they may do everything, everywhere.")


class PasswordChange(Schema):
    model_config = example(password="an engine of numbers", currentPassword="correct horse battery")  # noqa: S106
    whole: ClassVar[str] = "a new password"
    password: Password
    current_password: str | None = Field(
        None,
        max_length=1000,
        description="Required to change your own password.",
        json_schema_extra={"format": "password", "writeOnly": True},
    )


class NewToken(Schema):
    model_config = example(name="nightly builds", expiresIn=90, scopes=["write"])
    whole: ClassVar[str] = "a token"
    name: Name = Field(description="Its purpose.")
    expires_in: int | None = Field(
        None, ge=1, le=3650, description="Days; null: it is valid until it is revoked."
    )
    scopes: list[Literal["read", "write"]] = Field(
        ["read"], min_length=1, max_length=2, description="`write` includes reading."
    )

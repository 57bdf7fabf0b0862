"""What requests about people and their tokens may hold; see `blueprints.requests.base`."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from blueprints.requests.base import Schema
from domain.validation import patterns
from domain.validation.fields import Line, Name, Slug, documented

RESERVED_USERNAMES = ("me", "tokens")
"""They have a meaning of their own in addresses."""


def _username(value: str) -> str:
    if value in RESERVED_USERNAMES:
        raise PydanticCustomError("reserved", "is a word with a meaning of its own.")
    return value


def _word(value: str) -> str:
    if not re.fullmatch(patterns.WORD, value):
        raise PydanticCustomError("invalid_text", "must not hold spaces or control characters.")
    return value


Email = Annotated[
    str,
    StringConstraints(max_length=320),
    AfterValidator(_word),
    documented(pattern=patterns.WORD),
]


class SignIn(Schema):
    whole: ClassVar[str] = "the sign-in"
    username: str = Field(max_length=100)
    password: str = Field(max_length=1000)


def _password(value: str) -> str:
    """Length is what makes a password good; the upper bound keeps hashing cheap."""
    if len(value) < 8:
        raise PydanticCustomError("too_short", "must have at least 8 characters.")
    if len(value) > 1000:
        raise PydanticCustomError("too_long", "must have at most 1000 characters.")
    return value


Password = Annotated[
    str,
    AfterValidator(_password),
    documented(minLength=8, maxLength=1000, format="password", writeOnly=True),
]


class NewUser(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "username": "ada",
                    "password": "an engine of numbers",
                    "displayName": "Ada Lovelace",
                    "email": "ada@example.org",
                }
            ]
        }
    )
    whole: ClassVar[str] = "a user"
    username: Annotated[
        Slug,
        AfterValidator(_username),
        documented(pattern=patterns.USERNAME),
    ] = Field(description="It cannot change. `me` and `tokens` are taken.")
    password: Password | None = Field(None, description="Without one only tokens let them in.")
    display_name: Line = ""
    email: Email = ""
    is_system_admin: bool = Field(False, description="Whether they may do everything, everywhere.")


class OwnChange(Schema):
    """What people change about themselves."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"displayName": "Ada King", "email": "countess@example.org"}]
        }
    )
    whole: ClassVar[str] = "a user"
    display_name: Line
    email: Email


class UserChange(OwnChange):
    """Nothing has a default: what is left out by mistake shall not be taken away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "displayName": "Ada King",
                    "email": "countess@example.org",
                    "isSystemAdmin": False,
                }
            ]
        }
    )
    is_system_admin: bool = Field(description="Whether they may do everything, everywhere.")


class PasswordChange(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"password": "an engine of numbers", "currentPassword": "correct horse battery"}
            ]
        }
    )
    whole: ClassVar[str] = "a new password"
    password: Password
    current_password: str | None = Field(
        None,
        max_length=1000,
        description="The present one. Only who changes their own password has to know it.",
        json_schema_extra={"format": "password", "writeOnly": True},
    )


class NewToken(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "nightly builds", "expiresIn": 90, "scopes": ["write"]}]
        }
    )
    whole: ClassVar[str] = "a token"
    name: Name = Field(description="What it is for.")
    expires_in: int | None = Field(
        None, ge=1, le=3650, description="Days; null: it is valid until it is revoked."
    )
    scopes: list[Literal["read", "write"]] = Field(
        ["read"], min_length=1, max_length=2, description="`write` also allows to read."
    )

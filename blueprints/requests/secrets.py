"""What requests about secrets may hold; see `blueprints.requests.base` for the rules."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from blueprints.requests.base import Schema, check
from domain.projects.secret_values import (
    MAX_BYTES,
    MIN_BYTES,
    NAME,
    RESERVED,
    RESERVED_PREFIX,
    is_reserved,
)
from domain.validation import patterns

SECRET_ADDRESS = {
    "name": {
        "pattern": patterns.except_for(sorted(RESERVED), RESERVED_PREFIX, NAME),
        "description": "The variable that scripts see: letters, digits and `_`, but no name that "
        f"scripts are given anyway, such as those that begin with `{RESERVED_PREFIX}`.",
    }
}
"""For the document: a secret's name in an address."""


def _variable(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise PydanticCustomError(
            "invalid_format",
            "must begin with a letter or '_' and hold only letters (A to Z), digits and '_', "
            "at most 100 of them.",
        )
    if is_reserved(name):
        raise PydanticCustomError("reserved", "has a meaning of its own in scripts.")
    return name


SecretName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_variable)]


def _value(value: str) -> str:
    if len(value.encode()) > MAX_BYTES:
        raise PydanticCustomError("too_long", "is longer than 32 KiB.")
    if len(value.strip().encode()) < MIN_BYTES:
        raise PydanticCustomError(
            "too_short",
            "must have at least 4 characters besides spaces: what is shorter stands in every log "
            "by chance and could not be masked.",
        )
    return value


class SecretPut(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": "correct horse battery staple"}]}
    )
    whole: ClassVar[str] = "a secret"
    value: Annotated[
        str,
        Field(
            repr=False,
            description="At most 32 KiB, and at least 4 characters besides white space.",
            json_schema_extra={
                "writeOnly": True,
                "minLength": MIN_BYTES,
                "maxLength": MAX_BYTES,
                "pattern": patterns.NOT_BLANK,
            },
        ),
        StringConstraints(min_length=1),
        AfterValidator(_value),
    ]


class _Address(Schema):
    whole: ClassVar[str] = "the address"
    name: SecretName


def check_secret_name(name: str) -> None:
    """A secret's name in an address is that of a variable in scripts. Raises Invalid."""
    check(_Address, {"name": name})

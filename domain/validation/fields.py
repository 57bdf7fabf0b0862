"""Types of text for requests and definitions, as pydantic checks them. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError
from pydantic_core.core_schema import no_info_after_validator_function

from domain.validation import patterns

MAX_SCRIPT_BYTES = 64 * 1024
_NOT_IN_LINE = re.compile(rf"{patterns.CONTROL}|[\ud800-\udfff]")
_AROUND = re.compile(rf"\A[{patterns.WHITE}]+|[{patterns.WHITE}]+\Z")


def refusal(code: str, end_of_sentence: str) -> PydanticCustomError:
    """Return the error of a check; its sentence begins with the field, see `messages`."""
    return PydanticCustomError(code, "{end}.", {"end": end_of_sentence})


@dataclass(frozen=True, eq=False)
class Rule:
    """A check of a text, which returns it or raises, and what the API's document says of it."""

    check: Callable[[str], str]
    documented: dict[str, Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **self.documented}


def matches(pattern: str, code: str, end_of_sentence: str) -> Rule:
    """Return the rule that a text matches the pattern, which must describe the whole of it."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise refusal(code, end_of_sentence)
        return text

    return Rule(check, {"pattern": pattern})


def line(max_length: int, *, may_be_blank: bool = False) -> Rule:
    """Return the rule for one line of text.

    White space around it is removed, but counts towards the maximum: the document describes the
    text as it is sent.
    """

    def check(text: str) -> str:
        if len(text) > max_length:
            raise PydanticKnownError("string_too_long", {"max_length": max_length})
        inner = _AROUND.sub("", text)
        if not inner and not may_be_blank:
            raise PydanticKnownError("string_too_short", {"min_length": 1})
        return one_line(inner)

    if may_be_blank:
        return Rule(check, {"pattern": patterns.LINE, "maxLength": max_length})
    return Rule(check, {"pattern": patterns.NAME, "minLength": 1, "maxLength": max_length})


def one_line(text: str) -> str:
    """Return the text. Raises PydanticCustomError if it has control characters."""
    if _NOT_IN_LINE.search(text):
        raise refusal("invalid_text", "must be one line without control characters")
    return text


Slug = Annotated[
    str,
    StringConstraints(min_length=1),
    matches(
        patterns.SLUG,
        "invalid_format",
        "must begin with a small letter or digit and hold only small letters, digits, "
        "'.', '_' and '-', at most 100 of them",
    ),
]
Line = Annotated[str, line(200, may_be_blank=True)]
Name = Annotated[str, line(200)]

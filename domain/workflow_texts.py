"""The kinds of text in a workflow's definition, as types of pydantic. Pure.

What is checked by code is said once more as a pattern, for the document of the API.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from domain import patterns
from domain.parameters import MAX_NAME, text_fault
from domain.references import SLUG, artifact_path, release_reference

MAX_SCRIPT_BYTES = 64 * 1024
MAX_DESCRIPTION_BYTES = 16 * 1024

WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""As Unicode has it; Python also takes control characters for it."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _refusal(code: str, end_of_sentence: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{end}.", {"end": end_of_sentence})


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise _refusal("invalid_text", "must not contain control characters")
    return text


def _at_most(max_bytes: int) -> AfterValidator:
    def check(text: str) -> str:
        if found := text_fault(text, max_bytes):
            raise _refusal(*found)
        return text

    return AfterValidator(check)


def _script(text: str) -> str:
    if not text.strip():
        end = "must not be empty; leave it out for a step that is completed from outside"
        raise _refusal("required", end)
    return text


def _release(text: str) -> str:
    if release_reference(text) is None:
        end = "must be a release id, ingredient@version, ingredient@latest or ingredient@run"
        raise _refusal("invalid_format", end)
    return text


def _artifact(text: str) -> str:
    if artifact_path(text) is None:
        end = "must be a relative path or glob without '..', or ingredient@version:path"
        raise _refusal("invalid_format", end)
    return text


def _slug(text: str) -> str:
    if not re.fullmatch(SLUG, text):
        end = "must be lower-case letters, digits, '.', '_' and '-', at most 100"
        raise _refusal("invalid_format", end)
    return text


def trimmed(max_length: int, min_length: int = 0) -> AfterValidator:
    """White space around a text is dropped, but counts for its greatest length.

    So the document, which speaks of what is sent, can say it.
    """

    def check(text: str) -> str:
        if len(text) > max_length:
            raise PydanticKnownError("string_too_long", {"max_length": max_length})
        inner = text.strip(WHITE_SPACE)
        if len(inner) < min_length:
            raise PydanticKnownError("string_too_short", {"min_length": min_length})
        return inner

    return AfterValidator(check)


def _line(max_length: int) -> AfterValidator:
    """Not blank."""
    return trimmed(max_length, min_length=1)


def _as(**schema: Any) -> Any:
    """What the document says of a rule that is checked in code."""
    return Field(json_schema_extra=schema)


Name = Annotated[
    str,
    _line(200),
    AfterValidator(_one_line),
    _as(pattern=patterns.NAME, minLength=1, maxLength=200),
]
ParameterName = Annotated[
    str,
    _line(MAX_NAME),
    AfterValidator(_one_line),
    _as(pattern=patterns.NAME, minLength=1, maxLength=MAX_NAME),
]
ArtifactPath = Annotated[
    str,
    _line(1000),
    AfterValidator(_one_line),
    AfterValidator(_artifact),
    _as(pattern=patterns.ARTIFACT_PATH, minLength=1, maxLength=1000),
]
Slug = Annotated[str, AfterValidator(_slug), _as(pattern=patterns.SLUG)]
# One character is at least one byte, so these limits are never too low.
Description = Annotated[str, _at_most(MAX_DESCRIPTION_BYTES), _as(maxLength=MAX_DESCRIPTION_BYTES)]
Script = Annotated[
    str,
    _at_most(MAX_SCRIPT_BYTES),
    AfterValidator(_script),
    _as(pattern=patterns.NOT_BLANK, maxLength=MAX_SCRIPT_BYTES),
]
ReleaseId = Annotated[str, AfterValidator(_release), _as(pattern=patterns.RELEASE_REFERENCE)]

"""The kinds of text that names and lines are, as types of pydantic. Pure.

What is checked by code is said once more as a pattern, for the document of the API.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

from domain.validation import patterns

WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""As Unicode has it; Python also takes control characters for it."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def refusal(code: str, end_of_sentence: str) -> PydanticCustomError:
    """What a check raises; the sentence begins with the field, see `domain.validation.messages`."""
    return PydanticCustomError(code, "{end}.", {"end": end_of_sentence})


def one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise refusal("invalid_text", "must be one line without control characters")
    return text


def _slug(text: str) -> str:
    if not re.fullmatch(patterns.SLUG_BODY, text):
        end = (
            "must begin with a small letter or digit and hold only small letters, digits, "
            "'.', '_' and '-', at most 100 of them"
        )
        raise refusal("invalid_format", end)
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


def documented(**schema: Any) -> Any:
    """What the API's document says of a rule that is checked in code."""
    return Field(json_schema_extra=schema)


Slug = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_slug),
    documented(pattern=patterns.SLUG),
]
Line = Annotated[
    str,
    trimmed(200),
    AfterValidator(one_line),
    documented(pattern=patterns.LINE, maxLength=200),
]
"""It may be empty."""
Name = Annotated[
    str,
    trimmed(200, min_length=1),
    AfterValidator(one_line),
    documented(pattern=patterns.NAME, minLength=1, maxLength=200),
]


MAX_SCRIPT_BYTES = 64 * 1024

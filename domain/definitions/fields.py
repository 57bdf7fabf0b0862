"""Types of text that only definitions use; see `domain.validation.fields`. Pure."""

from typing import Annotated

from domain.definitions.parameters import MAX_NAME, text_error
from domain.validation import patterns
from domain.validation.fields import MAX_SCRIPT_BYTES, Rule, line, matches, refusal

MAX_DESCRIPTION_BYTES = 16 * 1024


def at_most(max_bytes: int) -> Rule:
    """Return the rule that a text can be stored and has at most so many bytes."""

    def check(text: str) -> str:
        if found := text_error(text, max_bytes):
            raise refusal(*found)
        return text

    # A character takes at least one byte, so this limit is never too low.
    return Rule(check, {"maxLength": max_bytes})


def _script(text: str) -> str:
    if not text.strip():
        end = "must not be empty; omit it for a step with an external completion"
        raise refusal("required", end)
    return text


ParameterName = Annotated[str, line(MAX_NAME)]
ArtifactPath = Annotated[
    str,
    line(1000),
    matches(
        patterns.ARTIFACT_PATH,
        "invalid_format",
        "must be a relative path or glob without '..', or ingredient@version:path",
    ),
]
Description = Annotated[str, at_most(MAX_DESCRIPTION_BYTES)]
Script = Annotated[str, at_most(MAX_SCRIPT_BYTES), Rule(_script, {"pattern": patterns.NOT_BLANK})]
ReleaseId = Annotated[
    str,
    matches(
        patterns.RELEASE_REFERENCE,
        "invalid_format",
        "must be a release id, ingredient@version, ingredient@latest or ingredient@run",
    ),
]

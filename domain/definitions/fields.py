"""Types of text that only definitions use; see `domain.validation.fields`. Pure."""

from typing import Annotated

from pydantic import AfterValidator

from domain.definitions.parameters import MAX_NAME, text_error
from domain.definitions.references import artifact_path, release_reference
from domain.validation import patterns
from domain.validation.fields import MAX_SCRIPT_BYTES, documented, one_line, refusal, trimmed

MAX_DESCRIPTION_BYTES = 16 * 1024


def _at_most(max_bytes: int) -> AfterValidator:
    def check(text: str) -> str:
        if found := text_error(text, max_bytes):
            raise refusal(*found)
        return text

    return AfterValidator(check)


def _script(text: str) -> str:
    if not text.strip():
        end = "must not be empty; omit it for a step with an external completion"
        raise refusal("required", end)
    return text


def _release(text: str) -> str:
    if release_reference(text) is None:
        end = "must be a release id, ingredient@version, ingredient@latest or ingredient@run"
        raise refusal("invalid_format", end)
    return text


def _artifact(text: str) -> str:
    if artifact_path(text) is None:
        end = "must be a relative path or glob without '..', or ingredient@version:path"
        raise refusal("invalid_format", end)
    return text


ParameterName = Annotated[
    str,
    trimmed(MAX_NAME, min_length=1),
    AfterValidator(one_line),
    documented(pattern=patterns.NAME, minLength=1, maxLength=MAX_NAME),
]
ArtifactPath = Annotated[
    str,
    trimmed(1000, min_length=1),
    AfterValidator(one_line),
    AfterValidator(_artifact),
    documented(pattern=patterns.ARTIFACT_PATH, minLength=1, maxLength=1000),
]
# A character takes at least one byte, so these limits are never too low.
Description = Annotated[
    str, _at_most(MAX_DESCRIPTION_BYTES), documented(maxLength=MAX_DESCRIPTION_BYTES)
]
Script = Annotated[
    str,
    _at_most(MAX_SCRIPT_BYTES),
    AfterValidator(_script),
    documented(pattern=patterns.NOT_BLANK, maxLength=MAX_SCRIPT_BYTES),
]
ReleaseId = Annotated[str, AfterValidator(_release), documented(pattern=patterns.RELEASE_REFERENCE)]

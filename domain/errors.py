"""Everything that can go wrong with a request, as one small exception tree.

A use case raises one of these. The web layer turns it into a page, a fragment or the JSON error
of the API, the command line into a sentence. `code` values are a closed, documented list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any

MAX_DETAILS = 1000
"""Details in one answer: a body of 1 MiB can hold a hundred thousand errors."""


@dataclass(frozen=True)
class FieldError:
    """One error of a request; `field` is a JSON pointer, "" for the whole request."""

    field: str
    code: str
    message: str
    """A full sentence, which the API shows."""
    rule: str = ""
    """The end of a sentence that begins with the field, such as "must be a number."; "" if the
    message says it best."""
    members: Mapping[str, Any] = member(default_factory=dict)
    """Further members in the API, such as the runId of a run that is in the way."""

    def beside(self, label: str = "") -> str:
        """Return the words for a page that names the field, by this label or next to it."""
        text = f"{label} {self.rule}".lstrip() if self.rule else self.message
        return text[:1].upper() + text[1:]

    def as_dict(self) -> dict[str, Any]:
        """Return the detail as the API sends it."""
        return {"field": self.field, "code": self.code, "message": self.message, **self.members}


class GalleyError(Exception):
    """Base of all: `status` is the HTTP status, `message` a sentence for a person."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[FieldError] = (),
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.errors = list(details)
        self.extra = extra
        """Further members of the error object, such as requiredRole and yourRole."""

    @property
    def details(self) -> list[dict[str, Any]]:
        """The errors as the API sends them."""
        return [error.as_dict() for error in self.errors]

    def field_errors(self) -> list[FieldError]:
        """Return the errors for a form: at least one, which says what is wrong."""
        return self.errors or [FieldError("", self.code, self.message)]


class BadRequest(GalleyError):
    status, code = 400, "bad_request"


class NotSignedIn(GalleyError):
    status, code = 401, "not_authenticated"


class Forbidden(GalleyError):
    status, code = 403, "forbidden"


class NotFound(GalleyError):
    status, code = 404, "not_found"


class Conflict(GalleyError):
    status, code = 409, "conflict"


class StaleRevision(GalleyError):
    status, code = 412, "stale_revision"


class TooLarge(GalleyError):
    status, code = 413, "body_too_large"


class WrongMediaType(GalleyError):
    status, code = 415, "unsupported_media_type"


class TooManyAttempts(GalleyError):
    """Too many wrong passwords or tokens from one address."""

    status, code = 429, "too_many_attempts"

    def __init__(self, wait_seconds: float) -> None:
        self.retry_after = int(wait_seconds) + 1
        """Seconds, for the header Retry-After."""
        super().__init__(f"Too many attempts. Try again in {int(wait_seconds) // 60 + 1} minutes.")


class Invalid(GalleyError):
    """Well-formed but wrong: `errors` names every error, not only the first."""

    status, code = 422, "validation_failed"

    def __init__(self, errors: Sequence[FieldError], message: str | None = None) -> None:
        count = len(errors)
        summary = "1 error was found." if count == 1 else f"{count} errors were found."
        super().__init__(message or summary, details=errors)


def state(code: str, message: str, **members: Any) -> FieldError:
    """Return the detail of a Conflict: the state that is in the way, described by `members`."""
    return FieldError("", code, message, members=members)


def conflict(code: str, message: str, reason: str, **members: Any) -> Conflict:
    """Return a Conflict with one detail: what is in the way, as in `state`."""
    return Conflict(message, code=code, details=[state(code, reason, **members)])


def taken(kind: str, name: str, field: str = "/id") -> Conflict:
    """Return the error for a name that another thing of the same kind has."""
    error = FieldError(field, "duplicate_name", f"{name!r} is taken.")
    return Conflict(f"The {kind} {name!r} already exists.", code="duplicate_name", details=[error])


class StepFailed(Exception):
    """The result of a step cannot be recorded; the message says why and becomes the step's."""

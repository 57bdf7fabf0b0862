"""Everything that can go wrong with a request, as one small exception tree.

A use case raises one of these; the web layer turns it into a page, a fragment or the JSON error
of the API, the command line into a sentence. `code` values are a closed, documented list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DETAILS = 1000
"""How many of its details an answer tells: a body of 1 MiB can hold a hundred thousand faults."""


@dataclass(frozen=True)
class FieldError:
    """One fault of a request: where (a JSON pointer), what (a code) and a sentence for a person."""

    field: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class GalleyError(Exception):
    """Base of all: `status` is the HTTP status, `message` a sentence for a person."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[FieldError | Mapping[str, Any]] = (),
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = [d.as_dict() if isinstance(d, FieldError) else dict(d) for d in details]
        self.extra = extra
        """Further members of the error object, such as requiredRole and yourRole."""


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
    """Somebody has been guessing."""

    status, code = 429, "too_many_attempts"

    def __init__(self, wait_seconds: float) -> None:
        self.retry_after = int(wait_seconds) + 1
        """Seconds, as the header of that name says it."""
        super().__init__(f"Too many attempts. Try again in {int(wait_seconds) // 60 + 1} minutes.")


class Invalid(GalleyError):
    """Well-formed but wrong: `details` names every fault, not only the first."""

    status, code = 422, "validation_failed"

    def __init__(self, faults: Sequence[FieldError], message: str | None = None) -> None:
        count = len(faults)
        summary = "1 fault was found." if count == 1 else f"{count} faults were found."
        super().__init__(message or summary, details=faults)
        self.faults = list(faults)


def state(code: str, message: str, **members: Any) -> dict[str, Any]:
    """The detail of a Conflict: what is in the way, as a sentence and, in `members`, as it is."""
    return {"field": "", "code": code, "message": message, **members}


def taken(kind: str, name: str, field: str = "/id") -> Conflict:
    """The answer for a name that something of the same kind has already."""
    fault = FieldError(field, "duplicate_name", f"{name!r} is taken.")
    return Conflict(f"There is a {kind} {name!r} already.", code="duplicate_name", details=[fault])


class StepFailed(Exception):
    """What a step did cannot be recorded; the message says why and becomes the step's."""

"""What the API answers, as schemas: `present` makes it, the document shows it, tests hold it there.

Every member is always there; one that may have no value is null.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from domain.error_codes import ERRORS, FIELD_ERRORS, REASONS
from domain.pagination import COUNTED_TO
from domain.validation import patterns

T = TypeVar("T")


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


Time = Annotated[
    str,
    Field(json_schema_extra={"format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}),
]
"""RFC 3339, UTC, milliseconds."""
Id = Annotated[str, Field(json_schema_extra={"pattern": patterns.ID})]
"""Sorts by time."""
Slug = Annotated[str, Field(json_schema_extra={"pattern": patterns.SLUG})]
Sha256 = Annotated[str, Field(json_schema_extra={"pattern": patterns.SHA256})]


def _one_of(codes: Iterable[str]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"enum": [*sorted(codes)]})


class ErrorCode(RootModel[str]):
    """What went wrong."""

    model_config = _one_of(ERRORS)


class FaultCode(RootModel[str]):
    """What is wrong with one member of a request."""

    model_config = _one_of(FIELD_ERRORS)


class ReasonCode(RootModel[str]):
    """Why something has to wait."""

    model_config = _one_of(REASONS)


Milliseconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Listed(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    total_count: Count = Field(description="How many there are on all pages.")
    page: int = Field(ge=1, description="As it was asked for.")
    page_size: int = Field(ge=1, le=200, description="As it was asked for.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}List"


class Unbounded(Listed[T], Generic[T]):
    """One page of a list that grows without bound."""

    total_count: Count = Field(
        description="How many there are on all pages; "
        f"{COUNTED_TO} stands for that many or more, for further they are not counted."
    )
    next_cursor: Id | None = Field(
        description="Sent as `cursor` it gives the next page; null on the last."
    )


class Fault(Answer):
    """One fault of a request."""

    field: str = Field(description="A JSON pointer into the request; empty for the whole of it.")
    code: FaultCode
    message: str = Field(description="A sentence for a person.")


class Detail(Fault):
    """A fault, and what else is known of it, such as the state that is in the way."""

    model_config = ConfigDict(extra="allow")


class Error(Answer):
    """Some have more members: requiredRole and yourRole; currentRevision, updatedBy, updatedAt."""

    model_config = ConfigDict(extra="allow")

    code: ErrorCode
    message: str = Field(description="A sentence for a person.")
    details: Sequence[Detail]


class Failure(Answer):
    """The answer to a request that failed."""

    error: Error


class Problem(Answer):
    """The same for clients that prefer application/problem+json (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:galley:error:` and the code.")
    title: str
    status: int
    detail: str = Field(description="A sentence for a person.")
    instance: str = Field(description="`urn:galley:request:` and the request's id.")
    code: ErrorCode
    details: Sequence[Detail]

"""What the API answers, as schemas: `present` makes it, the document shows it, tests hold it there.

Every member is always there; one that may have no value is null.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.references import SLUG

T = TypeVar("T")


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


Time = Annotated[
    str,
    Field(
        json_schema_extra={"format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]},
        description="RFC 3339, UTC, milliseconds.",
    ),
]
Id = Annotated[
    str, Field(json_schema_extra={"pattern": "^[0-9a-f]{24}$"}, description="Sorts by time.")
]
Slug = Annotated[str, Field(json_schema_extra={"pattern": f"^{SLUG}$"})]
Milliseconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Listed(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    total_count: Count = Field(description="How many there are on all pages.")
    page: int = Field(ge=1)
    page_size: int = Field(ge=1, le=200)

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}List"


class Unbounded(Listed[T], Generic[T]):
    """One page of a list that grows without bound."""

    next_cursor: Id | None = Field(
        description="Sent as `cursor` it gives the next page; null on the last."
    )


class Fault(Answer):
    """One fault of a request."""

    field: str = Field(description="A JSON pointer into the request; empty for the whole of it.")
    code: str
    message: str


class Detail(Fault):
    """A fault, and what else is known of it, such as the state that is in the way."""

    model_config = ConfigDict(extra="allow")


class Error(Answer):
    """Some errors have more members: requiredRole and yourRole, revision, changedBy …"""

    model_config = ConfigDict(extra="allow")

    code: str
    message: str = Field(description="A sentence for a person.")
    details: Sequence[Detail]


class Failure(Answer):
    """The answer to a request that failed."""

    error: Error


class Problem(Answer):
    """The same for clients that prefer application/problem+json (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    details: Sequence[Detail]

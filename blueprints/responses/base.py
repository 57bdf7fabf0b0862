"""Base classes of API responses: built from rows, described in the OpenAPI document.

Every member is always present; one without a value is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    SerializeAsAny,
    SkipValidation,
    TypeAdapter,
)
from pydantic.alias_generators import to_camel

from domain.clock import rfc3339
from domain.error_codes import ERRORS, FIELD_ERRORS, REASONS
from domain.pagination import COUNTED_TO
from domain.validation import patterns

T = TypeVar("T")


class Answer(BaseModel):
    """Base of answers. Names are snake_case here and camelCase when dumped."""

    model_config = ConfigDict(
        extra="forbid",
        from_attributes=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    @classmethod
    def of(cls, row: object, **members: Any) -> Self:
        """Return the answer about `row`. members: values that `row` has no attribute for."""
        return cls(**_read(row, cls.model_fields, members))


class BulkAnswer:
    """Base of answers that come by the thousand: dataclasses, which nothing validates."""

    __slots__ = ()

    __pydantic_config__: ClassVar = Answer.model_config
    __dataclass_fields__: ClassVar[Mapping[str, Any]]

    @classmethod
    def of(cls, row: object, **members: Any) -> Self:
        """Return the answer about `row`, as `Answer.of` does."""
        return cls(**_read(row, cls.__dataclass_fields__, members))

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """Return the members as pydantic's method of that name does."""
        dumped: dict[str, Any] = _adapter_of(type(self)).dump_python(self, mode=mode)  # type: ignore[arg-type]
        return dumped


_adapter_of = cache(TypeAdapter)


def _read(row: object, names: Iterable[str], members: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in names if name not in members}
    return {**own, **members}


Time = Annotated[
    int,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}),
]
"""Epoch milliseconds here and on pages; RFC 3339 in UTC with milliseconds as JSON."""
Id = Annotated[str, Field(json_schema_extra={"pattern": patterns.ID})]
"""It sorts by time."""
Slug = Annotated[str, Field(json_schema_extra={"pattern": patterns.SLUG})]
Sha256 = Annotated[str, Field(json_schema_extra={"pattern": patterns.SHA256})]
Milliseconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
EmptyAsNull = BeforeValidator(lambda text: text or None)
Stored = SkipValidation[SerializeAsAny[T]]
"""JSON stored in the form that the API returns, so it is passed on unchanged."""

Role = Literal["User", "SuperUser", "Admin"]
Driver = Literal["directory", "script", "storage"]
StepType = Literal["Build", "Test", "Deploy"]


def _one_of(codes: Iterable[str]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"enum": [*sorted(codes)]})


class ErrorCode(RootModel[str]):
    """The kind of error."""

    model_config = _one_of(ERRORS)


class FaultCode(RootModel[str]):
    """The kind of error in one member of a request."""

    model_config = _one_of(FIELD_ERRORS)


class ReasonCode(RootModel[str]):
    """The kind of reason to wait."""

    model_config = _one_of(REASONS)


class Listed(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    total_count: Count = Field(description="The number of items on all pages.")
    page: int = Field(ge=1, description="As requested.")
    page_size: int = Field(ge=1, le=200, description="As requested.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}List"


class Unbounded(Listed[T], Generic[T]):
    """One page of a list that grows without bound."""

    total_count: Count = Field(
        description=f"The number of items on all pages, counted up to {COUNTED_TO}: "
        "that number stands for itself and anything above."
    )
    next_cursor: Id | None = Field(
        description="Send it as `cursor` to get the next page; null on the last."
    )


class Fault(Answer):
    """An error in one member of a request."""

    field: str = Field(description="A JSON pointer into the request; empty for the whole of it.")
    code: FaultCode
    message: str = Field(description="A sentence for people.")


class Detail(Fault):
    """An error with further members, such as the state that causes a conflict."""

    model_config = ConfigDict(extra="allow")


class Error(Answer):
    """Some have more members: requiredRole and yourRole; currentRevision, updatedBy, updatedAt."""

    model_config = ConfigDict(extra="allow")

    code: ErrorCode
    message: str = Field(description="A sentence for people.")
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
    detail: str = Field(description="A sentence for people.")
    instance: str = Field(description="`urn:galley:request:` and the id of the request.")
    code: ErrorCode
    details: Sequence[Detail]

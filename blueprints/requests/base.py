"""What requests may hold: one schema per body, form and query.

JSON is checked strictly (no text for a number); forms and queries arrive as text and are converted.
Fields are snake_case here and camelCase outside.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from domain.errors import Invalid
from domain.pagination import Page
from domain.validation import patterns
from domain.validation.fields import MAX_SCRIPT_BYTES, Slug, documented
from domain.validation.messages import error_of

MAX_PAGE = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schema(BaseModel):
    """Base of all. `whole` is what the request describes, for sentences about faults."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, frozen=True, allow_inf_nan=False
    )
    whole: ClassVar[str] = "the request"


S = TypeVar("S", bound=Schema)


def check(schema: type[S], given: Mapping[str, Any], *, strict: bool = True) -> S:
    """`given` as `schema`. Raises Invalid with every fault; not strict: convert from text."""
    try:
        return schema.model_validate(given, strict=strict, context={"strict": strict})
    except ValidationError as error:
        faults = [
            error_of(_plain(item), item["loc"], schema.whole)
            for item in error.errors(include_url=False)
        ]
        raise Invalid(faults) from None


def query_parameters(schema: type[Schema]) -> dict[str, bool]:
    """Names of the parameters of a query, and whether each may be repeated."""
    return {
        field.alias or name: get_origin(field.annotation) is list
        for name, field in schema.model_fields.items()
    }


def _plain(error: Any) -> dict[str, Any]:
    """Text that is no number is, to its sender, a value of the wrong type."""
    return {**error, "type": re.sub("_(parsing|parsing_size|from_float)$", "_type", error["type"])}


# ---- kinds of values -------------------------------------------------------------------------


def _script(value: str) -> str:
    if len(value.encode()) > MAX_SCRIPT_BYTES:
        raise PydanticCustomError("too_long", "is longer than 64 KiB.")
    return value


Description = Annotated[str, StringConstraints(max_length=10_000)]
Script = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_script),
    # One character is at least one byte, so this limit is never too low.
    documented(maxLength=MAX_SCRIPT_BYTES),
]


def _milliseconds(value: object) -> int:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError(
            "invalid_format", "must be a time with a zone, such as 2026-01-31T12:00:00Z."
        )
    return (moment - EPOCH) // timedelta(milliseconds=1)


Moment = Annotated[
    int | None,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with a zone outside, epoch milliseconds inside; None only where it was not given."""


class _Address(Schema):
    """The last part of the address of something that a PUT makes."""

    whole: ClassVar[str] = "the address"
    name: Slug


def check_name(name: str) -> None:
    """Names in addresses of suites and environments follow the rule of ids. Raises Invalid."""
    check(_Address, {"name": name})


# ---- queries ---------------------------------------------------------------------------------


class PageQuery(Schema):
    whole: ClassVar[str] = "the query"
    page: int = Field(1, ge=1, le=MAX_PAGE, description="Which page, from 1.")
    page_size: int = Field(50, ge=1, le=200, description="How many a page holds.")

    def as_page(self) -> Page:
        return Page(self.page, self.page_size)


class CursorQuery(PageQuery):
    """For lists without bound: `cursor` is the nextCursor of the answer before."""

    cursor: str | None = Field(
        None,
        description="The nextCursor of the answer before, for the page after it; `page` is then "
        "without meaning.",
        json_schema_extra={"pattern": patterns.ID},
    )

    @field_validator("cursor")
    @classmethod
    def _is_ours(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch("[0-9a-f]{24}", value):
            raise PydanticCustomError("invalid_format", "is not a nextCursor of this list.")
        return value


class IngredientQuery(PageQuery):
    project_id: str | None = Field(None, description="Only of this project.")

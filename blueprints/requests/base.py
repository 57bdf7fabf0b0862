"""The base of all schemas of requests: one per body, form and query.

JSON is checked strictly (no text for a number); forms and queries arrive as text and are converted.
Names are snake_case here and camelCase in requests.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from domain.definitions.fields import at_most
from domain.errors import Invalid
from domain.pagination import Page
from domain.validation import patterns
from domain.validation.fields import MAX_SCRIPT_BYTES, Slug, matches, refusal
from domain.validation.messages import error_of

MAX_PAGE = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schema(BaseModel):
    """Base of all. `whole` names the content of the request in messages about errors."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, frozen=True, allow_inf_nan=False
    )
    whole: ClassVar[str] = "the request"


S = TypeVar("S", bound=Schema)


def check(schema: type[S], given: Mapping[str, Any], *, strict: bool = True) -> S:
    """Return `given` as `schema`. Raises Invalid with every error; not strict: convert text."""
    try:
        return schema.model_validate(given, strict=strict, context={"strict": strict})
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise Invalid([error_of(_plain(e), e["loc"], schema.whole) for e in found]) from None


def query_parameters(schema: type[Schema]) -> dict[str, bool]:
    """Return the names of the parameters of a query, and whether each may be repeated."""
    return {
        field.alias or name: get_origin(field.annotation) is list
        for name, field in schema.model_fields.items()
    }


def _plain(error: Any) -> dict[str, Any]:
    """Report text that is not a number as a value of the wrong type."""
    return {**error, "type": re.sub("_(parsing|parsing_size|from_float)$", "_type", error["type"])}


def example(**members: Any) -> ConfigDict:
    """Return the configuration of a schema with an example for the API's document."""
    return ConfigDict(json_schema_extra={"examples": [members]})


Description = Annotated[str, StringConstraints(max_length=10_000)]
Script = Annotated[str, StringConstraints(min_length=1), at_most(MAX_SCRIPT_BYTES)]


def _milliseconds(value: object) -> int:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise refusal("invalid_format", "must be a time with a zone, such as 2026-01-31T12:00:00Z")
    return (moment - EPOCH) // timedelta(milliseconds=1)


Moment = Annotated[
    int | None,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with a zone in the request, epoch milliseconds here; None only if it was not given."""


class Address(Schema):
    """The address of a PUT that creates what does not exist yet."""

    whole: ClassVar[str] = "the address"
    name: Slug


def check_name(name: str, schema: type[Address] = Address) -> None:
    """Check the name in the address of a PUT. Raises Invalid."""
    check(schema, {"name": name})


class PageQuery(Schema):
    whole: ClassVar[str] = "the query"
    page: int = Field(1, ge=1, le=MAX_PAGE, description="The number of the page, from 1.")
    page_size: int = Field(50, ge=1, le=200, description="The number of items on a page.")

    def as_page(self) -> Page:
        """Return the page for the queries of the domain."""
        return Page(self.page, self.page_size)


Cursor = Annotated[str, matches(patterns.ID, "invalid_format", "is not a nextCursor of this list")]


class CursorQuery(PageQuery):
    """A query of a list without bound: `cursor` is the nextCursor of the previous answer."""

    cursor: Cursor | None = Field(
        None,
        description="The nextCursor of the previous answer, to get the page after it; `page` is "
        "then ignored.",
    )


class IngredientQuery(PageQuery):
    project_id: str | None = Field(None, description="Only of this project.")

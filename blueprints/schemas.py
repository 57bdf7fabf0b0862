"""What requests may hold: one schema per body, form and query.

JSON is checked strictly (no text for a number); forms and queries arrive as text and are converted.
Fields are snake_case here and camelCase outside.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from domain.errors import Invalid
from domain.faults import fault_of
from domain.paging import Page
from domain.references import SLUG
from domain.workflow_schema import MAX_SCRIPT_BYTES

MAX_PAGE = 10**9


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
        return schema.model_validate(given, strict=strict)
    except ValidationError as error:
        faults = [
            fault_of(_plain(item), item["loc"], schema.whole)
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


def _slug(value: str) -> str:
    if not re.fullmatch(SLUG, value):
        raise PydanticCustomError(
            "invalid_format",
            "must begin with a small letter or digit and hold only small letters, digits, "
            "'.', '_' and '-', at most 100 of them.",
        )
    return value


def _one_line(value: str) -> str:
    if any(unicodedata.category(char) == "Cc" for char in value):
        raise PydanticCustomError("invalid_text", "must be one line without control characters.")
    return value


def _script(value: str) -> str:
    if len(value.encode()) > MAX_SCRIPT_BYTES:
        raise PydanticCustomError("too_long", "is longer than 64 KiB.")
    return value


Slug = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_slug),
    Field(json_schema_extra={"pattern": f"^{SLUG}$"}),
]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_one_line)
]
Name = Annotated[Line, StringConstraints(min_length=1)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
Script = Annotated[str, StringConstraints(min_length=1), AfterValidator(_script)]
Timeout = Annotated[int, Field(ge=1, le=86_400)]


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
    page: int = Field(1, ge=1, le=MAX_PAGE)
    page_size: int = Field(50, ge=1, le=200)

    def as_page(self) -> Page:
        return Page(self.page, self.page_size)


class CursorQuery(PageQuery):
    """For lists without bound: `cursor` is the nextCursor of the answer before."""

    cursor: str | None = Field(None, json_schema_extra={"pattern": "^[0-9a-f]{24}$"})

    @field_validator("cursor")
    @classmethod
    def _is_ours(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch("[0-9a-f]{24}", value):
            raise PydanticCustomError("invalid_format", "is not a nextCursor of this list.")
        return value


class IngredientQuery(PageQuery):
    project_id: str | None = None


# ---- people ----------------------------------------------------------------------------------


def _username(value: str) -> str:
    if value in ("me", "tokens"):
        raise PydanticCustomError("reserved", "is a word with a meaning of its own.")
    return value


class SignIn(Schema):
    whole: ClassVar[str] = "the sign-in"
    username: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class NewUser(Schema):
    whole: ClassVar[str] = "a user"
    username: Annotated[Slug, AfterValidator(_username)]
    password: str | None = None
    display_name: Line = ""
    email: Annotated[Line, StringConstraints(max_length=320)] = ""
    is_system_admin: bool = False

    @field_validator("password")
    @classmethod
    def _is_long_enough(cls, value: str | None) -> str | None:
        return None if value is None else check_password(value)


def check_password(value: str) -> str:
    """Length is what makes a password good; the upper bound keeps hashing cheap."""
    if len(value) < 8:
        raise PydanticCustomError("too_short", "must have at least 8 characters.")
    if len(value) > 1000:
        raise PydanticCustomError("too_long", "must have at most 1000 characters.")
    return value


class PasswordChange(Schema):
    whole: ClassVar[str] = "a new password"
    password: str

    @field_validator("password")
    @classmethod
    def _is_long_enough(cls, value: str) -> str:
        return check_password(value)


class NewToken(Schema):
    whole: ClassVar[str] = "a token"
    name: Name
    expires_in: int | None = Field(None, ge=1, le=3650)
    """Days; None: until it is revoked."""
    scopes: list[Literal["read", "write"]] = Field(["read"], min_length=1, max_length=2)


# ---- projects --------------------------------------------------------------------------------


class NewProject(Schema):
    whole: ClassVar[str] = "a project"
    id: Slug
    name: Name
    description: Description = ""


class ProjectChange(Schema):
    whole: ClassVar[str] = "a project"
    name: Name
    description: Description = ""


class MemberPut(Schema):
    whole: ClassVar[str] = "a member"
    role: Literal["User", "SuperUser", "Admin"]


class TestSuitePut(Schema):
    __test__ = False  # a schema, not a test class
    whole: ClassVar[str] = "a test suite"
    script: Script
    timeout_seconds: Timeout | None = None
    description: Description = ""


class DirectorySettings(Schema):
    """Unpack into releases/<version> below `path`, keeping the last `keep`."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    keep: int = Field(5, ge=1, le=1000)

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        if not value.startswith("/") or value.strip("/") == "" or ".." in value.split("/"):
            raise PydanticCustomError(
                "invalid_format", "must be an absolute path of a folder, without '..'."
            )
        return value


class ScriptSettings(Schema):
    script: Script


class StorageSettings(Schema):
    url: Annotated[Line, StringConstraints(min_length=1, max_length=1000)]

    @field_validator("url")
    @classmethod
    def _has_scheme(cls, value: str) -> str:
        if not re.match(r"[a-z][a-z0-9+.-]*://.", value):
            raise PydanticCustomError(
                "invalid_format", "must be an address such as s3://bucket/folder."
            )
        return value


DRIVERS: dict[str, type[Schema]] = {
    "directory": DirectorySettings,
    "script": ScriptSettings,
    "storage": StorageSettings,
}


class EnvironmentPut(Schema):
    whole: ClassVar[str] = "an environment"
    driver: Literal["directory", "script", "storage"]
    settings: dict[str, Any]
    requires_approval: bool = False
    description: Description = ""

    @field_validator("settings")
    @classmethod
    def _fit_the_driver(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Filled in with defaults; faults point into the settings."""
        driver = info.data.get("driver")
        if driver is None:
            return value
        return DRIVERS[driver].model_validate(value, strict=True).model_dump(by_alias=True)


# ---- catalogue -------------------------------------------------------------------------------


class NewIngredient(Schema):
    whole: ClassVar[str] = "an ingredient"
    id: Slug
    project_id: str
    name: Name
    description: Description = ""


class IngredientChange(Schema):
    whole: ClassVar[str] = "an ingredient"
    name: Name
    description: Description = ""

"""What requests about projects and their things may hold; see `blueprints.requests.base`."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import tagged_union_schema

from blueprints.requests.base import Description, Schema, Script
from domain.validation import patterns
from domain.validation.fields import Line, Name, Slug, documented


def _example(**members: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [members]})


# ---- projects --------------------------------------------------------------------------------


class NewProject(Schema):
    model_config = _example(id="app", name="App", description="For people on the move.")
    whole: ClassVar[str] = "a project"
    id: Slug = Field(description="Unique in the installation; it cannot change.")
    name: Name
    description: Description = ""


class ProjectChange(Schema):
    model_config = _example(name="Web shop", description="What our customers love.")
    whole: ClassVar[str] = "a project"
    name: Name
    description: Description = ""


class MemberPut(Schema):
    model_config = _example(role="SuperUser")
    whole: ClassVar[str] = "a member"
    role: Literal["User", "SuperUser", "Admin"] = Field(
        description="Each may do what the ones before it may. A SuperUser writes scripts, and so "
        "can run commands on the workers."
    )


class TestSuitePut(Schema):
    __test__ = False  # a schema, not a test class
    model_config = _example(
        script='pytest --junit-xml="$GALLEY_REPORTS/unit.xml"\n',
        timeoutSeconds=600,
        description="Fast ones, without a network.",
    )
    whole: ClassVar[str] = "a test suite"
    script: Script = Field(description="For `/bin/sh -e`, or what its `#!` line names.")
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        None, description="Null: that of the step."
    )
    description: Description = ""


# ---- environments ----------------------------------------------------------------------------


class DirectorySettings(Schema):
    """Unpacks into `releases/<version>` and switches the link `current` in one step."""

    path: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1000),
        documented(pattern=patterns.FOLDER),
    ] = Field(description="A folder of the worker hosts, absolute.")
    keep: int = Field(5, ge=1, le=1000, description="How many releases stay.")

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        if re.search(patterns.CONTROL, value):
            raise PydanticCustomError("invalid_text", "must not hold control characters.")
        if not value.startswith("/") or value.strip("/") == "" or ".." in value.split("/"):
            raise PydanticCustomError(
                "invalid_format", "must be an absolute path of a folder, without '..'."
            )
        return value


class ScriptSettings(Schema):
    """Runs a script with the path of the artifact in `$GALLEY_ARTIFACT`."""

    script: Script


class StorageSettings(Schema):
    """Copies to a folder of an object store."""

    url: Annotated[
        Line,
        StringConstraints(min_length=1, max_length=1000),
        documented(pattern=patterns.ADDRESS),
    ] = Field(description="Any address that fsspec knows, such as `s3://bucket/folder`.")

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
    driver: Literal["directory", "script", "storage"] = Field(description="How it is deployed to.")
    settings: dict[str, Any]
    requires_approval: bool = Field(
        False, description="Whether every stage that deploys to it waits for a person first."
    )
    description: Description = ""

    @field_validator("settings")
    @classmethod
    def _fit_the_driver(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Filled in with defaults; faults point into the settings."""
        driver = info.data.get("driver")
        if driver is None:
            return value
        strict = info.context["strict"] if info.context else True
        return DRIVERS[driver].model_validate(value, strict=strict).model_dump(by_alias=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """In the document the driver tells the settings apart."""
        if cls is not EnvironmentPut:
            return handler(core_schema)
        kinds = {driver: _with(driver).__pydantic_core_schema__ for driver in DRIVERS}
        told_apart = handler(tagged_union_schema(kinds, "driver"))
        return {"title": cls.__name__, **told_apart, "examples": ENVIRONMENTS}


def _with(driver: str) -> type[EnvironmentPut]:
    """The body for one driver, for the document."""
    settings = DRIVERS[driver]
    members: dict[str, Any] = {"driver": (Literal[driver], ...), "settings": (settings, ...)}
    name = f"{driver.capitalize()}EnvironmentPut"
    return create_model(name, __base__=EnvironmentPut, __doc__=settings.__doc__, **members)


ENVIRONMENTS: list[dict[str, Any]] = [
    {
        "driver": "directory",
        "settings": {"path": "/srv/staging/shop", "keep": 3},
        "description": "Where we try things out.",
    },
    {
        "driver": "script",
        "settings": {"script": 'scp "$GALLEY_ARTIFACT" shop:/srv\n'},
        "requiresApproval": True,
    },
    {"driver": "storage", "settings": {"url": "s3://shop-releases/stable"}},
]


# ---- catalogue -------------------------------------------------------------------------------


class NewIngredient(Schema):
    model_config = _example(id="search", projectId="webshop", name="Search")
    whole: ClassVar[str] = "an ingredient"
    id: Slug = Field(description="Unique in the installation; it cannot change.")
    project_id: str = Field(json_schema_extra={"pattern": patterns.SLUG})
    name: Name
    description: Description = ""


class IngredientChange(Schema):
    model_config = _example(name="The shop", description="Its server and its pages.")
    whole: ClassVar[str] = "an ingredient"
    name: Name
    description: Description = ""

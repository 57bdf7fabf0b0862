"""Requests about projects and everything that belongs to one."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import tagged_union_schema

from blueprints.requests.base import Address, Description, Schema, Script, example
from domain.definitions.fields import at_most
from domain.projects.secret_values import MAX_BYTES, MIN_BYTES, NAME, RESERVED, RESERVED_PREFIX
from domain.validation import patterns
from domain.validation.fields import Line, Name, Rule, Slug, matches, one_line, refusal

# ---- projects --------------------------------------------------------------------------------


class NewProject(Schema):
    model_config = example(id="app", name="App", description="For people on the move.")
    whole: ClassVar[str] = "a project"
    id: Slug = Field(description="Unique in the installation; it cannot change.")
    name: Name
    description: Description = ""


class ProjectChange(Schema):
    model_config = example(name="Web shop", description="What our customers love.")
    whole: ClassVar[str] = "a project"
    name: Name
    description: Description = ""


class MemberPut(Schema):
    model_config = example(role="SuperUser")
    whole: ClassVar[str] = "a member"
    role: Literal["User", "SuperUser", "Admin"] = Field(
        description="Each role includes the ones before it. A SuperUser writes scripts, and so "
        "can run commands on the workers."
    )


class TestSuitePut(Schema):
    __test__ = False  # a schema, not a test class
    model_config = example(
        script='pytest --junit-xml="$GALLEY_REPORTS/unit.xml"\n',
        timeoutSeconds=600,
        description="Fast ones, without a network.",
    )
    whole: ClassVar[str] = "a test suite"
    script: Script = Field(description="Run by `/bin/sh -e`, or by the program in its `#!` line.")
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        None, description="Null: that of the step."
    )
    description: Description = ""


# ---- environments ----------------------------------------------------------------------------


class DirectorySettings(Schema):
    """Unpacks into `releases/<version>` and then switches the link `current`."""

    path: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1000),
        AfterValidator(one_line),
        matches(
            patterns.FOLDER, "invalid_format", "must be an absolute path of a folder, without '..'"
        ),
    ] = Field(description="The absolute path of a folder on the worker hosts.")
    keep: int = Field(5, ge=1, le=1000, description="The number of releases that stay.")


class ScriptSettings(Schema):
    """Runs a script. `$GALLEY_ARTIFACT` has the path of the artifact."""

    script: Script


class StorageSettings(Schema):
    """Copies to a folder of an object store."""

    url: Annotated[
        Line,
        StringConstraints(min_length=1, max_length=1000),
        matches(
            patterns.ADDRESS, "invalid_format", "must be an address such as s3://bucket/folder"
        ),
    ] = Field(description="Any address that fsspec supports, such as `s3://bucket/folder`.")


DRIVERS: dict[str, type[Schema]] = {
    "directory": DirectorySettings,
    "script": ScriptSettings,
    "storage": StorageSettings,
}


class EnvironmentPut(Schema):
    whole: ClassVar[str] = "an environment"
    driver: Literal["directory", "script", "storage"] = Field(
        description="The way to deploy to it."
    )
    settings: dict[str, Any]
    requires_approval: bool = Field(
        False, description="Whether every stage that deploys to it waits for an approval first."
    )
    description: Description = ""

    @field_validator("settings")
    @classmethod
    def _fit_the_driver(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Fill in defaults; errors point into the settings."""
        driver = info.data.get("driver")
        if driver is None:
            return value
        strict = info.context["strict"] if info.context else True
        return DRIVERS[driver].model_validate(value, strict=strict).model_dump(by_alias=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe the settings of each driver."""
        if cls is not EnvironmentPut:
            return handler(core_schema)
        kinds = {driver: _with(driver).__pydantic_core_schema__ for driver in DRIVERS}
        by_driver = handler(tagged_union_schema(kinds, "driver"))
        return {"title": cls.__name__, **by_driver, "examples": ENVIRONMENTS}


def _with(driver: str) -> type[EnvironmentPut]:
    """Return the body for one driver, for the API's document."""
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


# ---- ingredients ----------------------------------------------------------------------------


class NewIngredient(Schema):
    model_config = example(id="search", projectId="webshop", name="Search")
    whole: ClassVar[str] = "an ingredient"
    id: Slug = Field(description="Unique in the installation; it cannot change.")
    project_id: str = Field(json_schema_extra={"pattern": patterns.SLUG})
    name: Name
    description: Description = ""


class IngredientChange(Schema):
    model_config = example(name="The shop", description="Its server and its pages.")
    whole: ClassVar[str] = "an ingredient"
    name: Name
    description: Description = ""


# ---- secrets ---------------------------------------------------------------------------------


SECRET_NAME = patterns.except_for(sorted(RESERVED), RESERVED_PREFIX, NAME)
SECRET_ADDRESS = {
    "name": {
        "pattern": SECRET_NAME,
        "description": "The variable that scripts see: letters, digits and `_`, but no name that "
        f"scripts are given anyway, such as those that begin with `{RESERVED_PREFIX}`.",
    }
}
"""The name of a secret in an address, for the API's document."""
SecretName = Annotated[
    str,
    StringConstraints(min_length=1),
    matches(
        f"^{NAME}$",
        "invalid_format",
        "must begin with a letter or '_' and hold only letters (A to Z), digits and '_', "
        "at most 100 of them",
    ),
    matches(SECRET_NAME, "reserved", "has a meaning of its own in scripts"),
]


class SecretAddress(Address):
    name: SecretName


def _maskable(value: str) -> str:
    if len(value.strip().encode()) < MIN_BYTES:
        raise refusal(
            "too_short",
            "must have at least 4 characters besides spaces, because shorter values appear in "
            "logs by chance and could not be masked",
        )
    return value


class SecretPut(Schema):
    model_config = example(value="correct horse battery staple")
    whole: ClassVar[str] = "a secret"
    value: Annotated[
        str,
        Field(
            repr=False,
            description="At most 32 KiB, and at least 4 characters besides white space.",
            json_schema_extra={"writeOnly": True},
        ),
        StringConstraints(min_length=1),
        at_most(MAX_BYTES),
        Rule(_maskable, {"minLength": MIN_BYTES, "pattern": patterns.NOT_BLANK}),
    ]

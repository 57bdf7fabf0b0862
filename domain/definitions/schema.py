"""The fields of a workflow's definition and their limits, as pydantic models.

Pure. They also document the API. Rules that involve several fields are in `validate`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from domain.definitions import examples
from domain.definitions.fields import ArtifactPath, Description, ParameterName, ReleaseId, Script
from domain.definitions.parameters import MAX_PARAMETERS
from domain.validation.fields import Name, Slug

MAX_INTEGER = 2**31 - 1
KEPT_ID = "Send it back to keep it through changes; otherwise a new one is generated."
STEP_TYPES = ("Build", "Test", "Deploy")

Order = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Concurrency = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
Choices = Annotated[list[Name], Field(min_length=1, max_length=100)]
StepType = Literal["Build", "Test", "Deploy"]
Role = Literal["User", "SuperUser", "Admin"]


class Schema(BaseModel):
    """Base of all: camelCase in JSON, no conversions ("1" is not 1), no unknown fields."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )


class Parameter(Schema):
    """A parameter of a run; scripts see it as `GALLEY_PARAM_<NAME>`."""

    name: ParameterName
    description: Description = Field("", description="Shown in the form that starts a run.")
    type: Literal["string", "number", "boolean", "choice"] = "string"
    default: Any = Field(
        None,
        description="Value for a run that gets none; of the parameter's type.",
        json_schema_extra={"type": ["string", "number", "boolean", "null"]},
    )
    required: bool = Field(
        False, description="Whether a run needs a value, if there is no default."
    )
    choices: Choices | None = Field(None, description="All allowed values, for `choice` only.")


class BuildConfiguration(Schema):
    """A script, or none; its files in `$GALLEY_OUTPUT` become packages of a new release."""

    ingredient_id: Name = Field(description="The ingredient to build. It may be created later.")
    build_script: Script | None = Field(
        None,
        description="Run by `/bin/sh -e`, or by the program in its `#!` line; at most 64 KiB. "
        "Without one the step waits for an external completion.",
    )


class TestConfiguration(Schema):
    """A test suite whose JUnit files in `$GALLEY_REPORTS` become test results."""

    __test__ = False  # a schema, not a test class

    test_suite: Name = Field(description="The name of a test suite of the project.")
    release_ids: list[ReleaseId] = Field(
        [],
        max_length=100,
        description="Releases to test: an id, or `ingredient@version`, where `latest` and `run` "
        "(built by this run) are versions too. Empty: all releases that this run built.",
    )


class DeployConfiguration(Schema):
    target: Name = Field(description="The name of an environment of the project.")
    artifact_path: ArtifactPath = Field(
        description="A path or glob among the packages that this run built, or in one release "
        "with the prefix `ingredient@version:`."
    )


class _Step(Schema):
    id: Slug | None = Field(None, description=KEPT_ID)
    name: Name = Field(description="Unique in the workflow.")
    timeout_seconds: int = Field(
        3600, ge=1, le=86_400, description="An attempt that takes longer is stopped and fails."
    )
    retries: int = Field(
        0, ge=0, le=5, description="Further attempts after a failure. A lost worker does not count."
    )
    queue: Slug = Field("default", description="Only workers of this queue take the step.")


class BuildStep(_Step):
    """A step that runs a script and releases its output."""

    type: Literal["Build"]
    configuration: BuildConfiguration


class TestStep(_Step):
    """A step that runs a test suite of the project against releases."""

    __test__ = False  # a schema, not a test class

    type: Literal["Test"]
    configuration: TestConfiguration


class DeployStep(_Step):
    """A step that deploys an artifact to an environment.

    It is never retried: a failed deployment may have changed something already.
    """

    type: Literal["Deploy"]
    configuration: DeployConfiguration
    retries: int = Field(0, ge=0, le=0, description="Always 0: a deployment is attempted once.")


class OtherStep(_Step):
    """Never valid; finds the other errors of a step whose type is wrong or missing."""

    type: StepType
    configuration: Any = None


def _step_tag(step: Any) -> str:
    kind = step.get("type") if isinstance(step, dict) else getattr(step, "type", None)
    return kind if isinstance(kind, str) and kind in STEP_TYPES else "Other"


class _DocumentedByType:
    """A JSON schema that selects the step by its type and leaves OtherStep out."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        refs = [choice["$ref"] for choice in handler(core_schema)["oneOf"]][: len(STEP_TYPES)]
        return {
            "oneOf": [{"$ref": ref} for ref in refs],
            "discriminator": {
                "propertyName": "type",
                "mapping": dict(zip(STEP_TYPES, refs, strict=True)),
            },
        }


Step = Annotated[
    Annotated[BuildStep, Tag("Build")]
    | Annotated[TestStep, Tag("Test")]
    | Annotated[DeployStep, Tag("Deploy")]
    | Annotated[OtherStep, Tag("Other")],
    Discriminator(_step_tag),
    _DocumentedByType,
]


class Approval(Schema):
    """The approval that a stage waits for."""

    required: bool = True
    roles: list[Role] = Field(
        ["SuperUser"], min_length=1, max_length=3, description="Roles that may decide."
    )


class Stage(Schema):
    """A group of steps that run in parallel, after the stages before it."""

    id: Slug | None = Field(None, description=KEPT_ID)
    name: Name = Field(description="Unique in the workflow.")
    order: Order = Field(description="Stages run from the lowest to the highest; gaps are allowed.")
    run_if: Literal["success", "always", "failure"] = Field(
        "success", description="When it runs; `failure`: only after something failed."
    )
    approval: Approval | None = Field(None, description="Null: the stage needs no approval.")
    steps: list[Step] = Field(min_length=1, max_length=50)


class Definition(Schema):
    """The fields of a workflow that a revision stores."""

    name: Name = Field(description="Unique in the project, regardless of case.")
    description: Description = ""
    parameters: list[Parameter] | None = Field(
        None,
        max_length=MAX_PARAMETERS,
        description="Parameters of a run; null: any texts, numbers and booleans.",
    )
    concurrency: Concurrency | None = Field(
        None, description="Maximum number of concurrent runs; null: no limit."
    )
    stages: list[Stage] = Field(min_length=1, max_length=50)


class NewWorkflow(Definition):
    """A new workflow. Missing references are only warnings here, but a run needs them."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.NEW]})

    project_id: Slug
    is_enabled: bool = Field(True, description="Whether runs can be started.")


READ_ONLY = ("id", "revision", "createdAt", "createdBy", "updatedAt", "updatedBy", "warnings")
"""Fields of a GET that a PUT may carry without effect."""


def _changed_workflow(schema: dict[str, Any]) -> None:
    ignored = {"readOnly": True, "description": "From GET; ignored."}
    schema["properties"] |= dict.fromkeys(READ_ONLY, ignored)
    schema["examples"] = [examples.CHANGED]


class ChangedWorkflow(Definition):
    """The whole definition: the changed answer of GET can be sent back."""

    model_config = ConfigDict(json_schema_extra=_changed_workflow)

    project_id: str | None = Field(None, description="May be sent, but cannot be changed.")
    is_enabled: bool | None = Field(None, description="Unchanged if absent.")

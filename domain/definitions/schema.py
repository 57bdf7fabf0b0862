"""The fields of a workflow's definition and their limits, as pydantic models.

Pure. The API documents itself from these. What depends on several fields is in `definition`.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from domain.definitions import examples
from domain.definitions.fields import ArtifactPath, Description, ParameterName, ReleaseId, Script
from domain.definitions.parameters import MAX_PARAMETERS
from domain.validation.fields import Name, Slug

MAX_INTEGER = 2**31 - 1
KEPT_ID = "Sent back, it stays the same through changes; else it is made up."
STEP_TYPES = ("Build", "Test", "Deploy")

Order = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Concurrency = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
Choices = Annotated[list[Name], Field(min_length=1, max_length=100)]
StepType = Literal["Build", "Test", "Deploy"]
Role = Literal["User", "SuperUser", "Admin"]


class Schema(BaseModel):
    """camelCase outside, no conversions ("1" is not 1), unknown fields refused by name."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )


class Parameter(Schema):
    """What a run may be given; a script sees it as `GALLEY_PARAM_<NAME>`."""

    name: ParameterName
    description: Description = Field("", description="Shown where a run is started.")
    type: Literal["string", "number", "boolean", "choice"] = "string"
    default: Any = Field(
        None,
        description="What a run gets that is not given one; of the parameter's type.",
        json_schema_extra={"type": ["string", "number", "boolean", "null"]},
    )
    required: bool = Field(False, description="Whether a run needs it, if it has no default.")
    choices: Choices | None = Field(None, description="All values there are, for `choice` only.")


class BuildConfiguration(Schema):
    """Every file that the script leaves in `$GALLEY_OUTPUT` becomes a package of a new release."""

    ingredient_id: Name = Field(description="What is built. It may be made later than this.")
    build_script: Script | None = Field(
        None,
        description="For `/bin/sh -e`, or what its `#!` line names; at most 64 KiB. Without one "
        "the step waits until it is completed from outside.",
    )


class TestConfiguration(Schema):
    """Each case in the JUnit files that the suite leaves in `$GALLEY_REPORTS` becomes a test."""

    __test__ = False  # a schema, not a test class

    test_suite: Name = Field(description="The name of a test suite of the project.")
    release_ids: list[ReleaseId] = Field(
        [],
        max_length=100,
        description="What is tested: a release's id, or `ingredient@version`, where `latest` and "
        "`run` (what this run has built) are versions too. Empty: all that this run has built.",
    )


class DeployConfiguration(Schema):
    target: Name = Field(description="The name of an environment of the project.")
    artifact_path: ArtifactPath = Field(
        description="A path or glob among the packages that this run has built; of one release "
        "with `ingredient@version:` before it."
    )


class _Step(Schema):
    id: Slug | None = Field(None, description=KEPT_ID)
    name: Name = Field(description="Unique in the workflow.")
    timeout_seconds: int = Field(
        3600, ge=1, le=86_400, description="After which an attempt is stopped and has failed."
    )
    retries: int = Field(
        0, ge=0, le=5, description="How often the script is tried again. A lost worker is no try."
    )
    queue: Slug = Field("default", description="Which workers may take it.")


class BuildStep(_Step):
    """Runs a script and makes a release of what it leaves."""

    type: Literal["Build"]
    configuration: BuildConfiguration


class TestStep(_Step):
    """Runs a test suite of the project against releases."""

    __test__ = False  # a schema, not a test class

    type: Literal["Test"]
    configuration: TestConfiguration


class DeployStep(_Step):
    """Puts an artifact into an environment.

    Never tried again: nobody can know what a failed deployment has changed already.
    """

    type: Literal["Deploy"]
    configuration: DeployConfiguration
    retries: int = Field(0, ge=0, le=0, description="None: a deployment is tried once.")


class OtherStep(_Step):
    """Never valid: it finds the other faults of a step whose type is wrong or missing."""

    type: StepType
    configuration: Any = None


def _step_tag(step: Any) -> str:
    kind = step.get("type") if isinstance(step, dict) else getattr(step, "type", None)
    return kind if isinstance(kind, str) and kind in STEP_TYPES else "Other"


class _DocumentedByType:
    """In the document the type tells the steps apart; OtherStep is only for finding faults."""

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
    """The stage waits for a person."""

    required: bool = True
    roles: list[Role] = Field(
        ["SuperUser"], min_length=1, max_length=3, description="Who may decide."
    )


class Stage(Schema):
    """Its steps run in parallel, when all before it has succeeded."""

    id: Slug | None = Field(None, description=KEPT_ID)
    name: Name = Field(description="Unique in the workflow.")
    order: Order = Field(description="Stages run from the lowest to the highest; gaps are fine.")
    run_if: Literal["success", "always", "failure"] = Field(
        "success", description="After what it runs; `failure`: only when something failed."
    )
    approval: Approval | None = Field(None, description="Null: it waits for nobody.")
    steps: list[Step] = Field(min_length=1, max_length=50)


class Definition(Schema):
    """What a revision is made from."""

    name: Name = Field(description="Unique in the project, regardless of case.")
    description: Description = ""
    parameters: list[Parameter] | None = Field(
        None,
        max_length=MAX_PARAMETERS,
        description="What a run may be given; null: any texts, numbers and booleans.",
    )
    concurrency: Concurrency | None = Field(
        None, description="How many of its runs may be in progress at once; null: any number."
    )
    stages: list[Stage] = Field(min_length=1, max_length=50)


class NewWorkflow(Definition):
    """What it names and does not exist yet is a warning; a run needs it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.NEW]})

    project_id: Slug
    is_enabled: bool = Field(True, description="Whether it can be run.")


READ_ONLY = ("id", "revision", "createdAt", "createdBy", "updatedAt", "updatedBy", "warnings")
"""Fields of a GET that a PUT may carry and that change nothing."""


def _changed_workflow(schema: dict[str, Any]) -> None:
    ignored = {"readOnly": True, "description": "As GET gave it; ignored."}
    schema["properties"] |= dict.fromkeys(READ_ONLY, ignored)
    schema["examples"] = [examples.CHANGED]


class ChangedWorkflow(Definition):
    """The whole definition: what GET gave, changed, can be sent back as it is."""

    model_config = ConfigDict(json_schema_extra=_changed_workflow)

    project_id: str | None = Field(None, description="May be sent, but cannot change.")
    is_enabled: bool | None = Field(None, description="Stays as it is if absent.")

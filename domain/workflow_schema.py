"""The fields of a workflow's definition and their limits, as pydantic models.

Pure. The API documents itself from these. What depends on several fields is in `definition`.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError

from domain.parameters import MAX_NAME, MAX_PARAMETERS, text_fault
from domain.references import SLUG, artifact_path, release_reference

MAX_SCRIPT_BYTES = 64 * 1024
MAX_DESCRIPTION_BYTES = 16 * 1024
MAX_INTEGER = 2**31 - 1
STEP_TYPES = ("Build", "Test", "Deploy")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _refusal(code: str, end_of_sentence: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{end}.", {"end": end_of_sentence})


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise _refusal("invalid_text", "must not contain control characters")
    return text


def _at_most(max_bytes: int) -> AfterValidator:
    def check(text: str) -> str:
        if found := text_fault(text, max_bytes):
            raise _refusal(*found)
        return text

    return AfterValidator(check)


def _script(text: str) -> str:
    if not text.strip():
        end = "must not be empty; leave it out for a step that is completed from outside"
        raise _refusal("required", end)
    return text


def _release(text: str) -> str:
    if release_reference(text) is None:
        end = "must be a release id, ingredient@version, ingredient@latest or ingredient@run"
        raise _refusal("invalid_format", end)
    return text


def _artifact(text: str) -> str:
    if artifact_path(text) is None:
        end = "must be a relative path or glob without '..', or ingredient@version:path"
        raise _refusal("invalid_format", end)
    return text


def _slug(text: str) -> str:
    if not re.fullmatch(SLUG, text):
        end = "must be lower-case letters, digits, '.', '_' and '-', at most 100"
        raise _refusal("invalid_format", end)
    return text


def _line(max_length: int) -> StringConstraints:
    """Not blank; white space around it is dropped."""
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


Name = Annotated[str, _line(200), AfterValidator(_one_line)]
ParameterName = Annotated[str, _line(MAX_NAME), AfterValidator(_one_line)]
ArtifactPath = Annotated[str, _line(1000), AfterValidator(_one_line), AfterValidator(_artifact)]
Slug = Annotated[
    str, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{SLUG}$"})
]
Description = Annotated[str, _at_most(MAX_DESCRIPTION_BYTES)]
Script = Annotated[str, _at_most(MAX_SCRIPT_BYTES), AfterValidator(_script)]
ReleaseId = Annotated[
    str, AfterValidator(_release), Field(json_schema_extra={"examples": ["duck@run"]})
]
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
    name: ParameterName
    description: Description = ""
    type: Literal["string", "number", "boolean", "choice"] = "string"
    default: Any = None
    required: bool = False
    choices: Choices | None = None


class BuildConfiguration(Schema):
    ingredient_id: Name
    build_script: Script | None = None


class TestConfiguration(Schema):
    __test__ = False  # a schema, not a test class

    test_suite: Name
    release_ids: list[ReleaseId] = Field([], max_length=100)


class DeployConfiguration(Schema):
    target: Name
    artifact_path: ArtifactPath


class _Step(Schema):
    id: Slug | None = None
    name: Name
    timeout_seconds: int = Field(3600, ge=1, le=86_400)
    retries: int = Field(0, ge=0, le=5)
    queue: Slug = "default"


class BuildStep(_Step):
    type: Literal["Build"]
    configuration: BuildConfiguration


class TestStep(_Step):
    __test__ = False  # a schema, not a test class

    type: Literal["Test"]
    configuration: TestConfiguration


class DeployStep(_Step):
    """Never tried again: nobody can know what a failed deployment has changed already."""

    type: Literal["Deploy"]
    configuration: DeployConfiguration
    retries: int = Field(0, ge=0, le=0)


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
    required: bool = True
    roles: list[Role] = Field(["SuperUser"], min_length=1, max_length=3)


class Stage(Schema):
    id: Slug | None = None
    name: Name
    order: Order
    run_if: Literal["success", "always", "failure"] = "success"
    approval: Approval | None = None
    steps: list[Step] = Field(min_length=1, max_length=50)


class Definition(Schema):
    """What a revision is made from."""

    name: Name
    description: Description = ""
    parameters: list[Parameter] | None = Field(None, max_length=MAX_PARAMETERS)
    concurrency: Concurrency | None = None
    stages: list[Stage] = Field(min_length=1, max_length=50)


class NewWorkflow(Definition):
    """The body of `POST /api/workflows`."""

    project_id: Slug
    is_enabled: bool = True


class ChangedWorkflow(Definition):
    """The body of `PUT /api/workflows/{id}`: what GET gave, changed, can be sent back as it is."""

    project_id: str | None = None
    """May be sent, but cannot change."""
    is_enabled: bool | None = None
    """Stays as it is if absent."""

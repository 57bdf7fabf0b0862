"""What calls on workflows take besides a definition."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from blueprints.requests.base import PageQuery, Schema
from domain.definitions.parameters import MAX_NAME, MAX_PARAMETERS
from domain.validation import patterns
from domain.validation.fields import Line


class WorkflowQuery(PageQuery):
    project_id: Line | None = Field(None, description="Only of this project.")
    search: Line = Field("", description="Only with this in the name, regardless of case.")
    is_enabled: bool | None = Field(None, description="Only those that can be run, or cannot.")
    sort: Literal["name", "-name", "updatedAt", "-updatedAt", "lastRunAt", "-lastRunAt"] = Field(
        "name", description="By what; with `-` the last comes first."
    )


class ValidateQuery(Schema):
    whole: ClassVar[str] = "the query"
    workflow_id: str | None = Field(
        None,
        description=(
            "The workflow that the body is meant to replace: it is checked as a PUT of it, so its "
            "own name is not taken."
        ),
    )


class MetadataQuery(Schema):
    whole: ClassVar[str] = "the query"
    days: int | None = Field(
        None, ge=1, le=3650, description="Only the runs made in so many days before now."
    )


class StartRun(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"parameters": {"channel": "beta"}, "triggerSource": "nightly"}]
        }
    )
    whole: ClassVar[str] = "a run"
    parameters: dict[str, Any] = Field(
        {},
        description="By name; of the types that the workflow declares.",
        json_schema_extra={
            "maxProperties": MAX_PARAMETERS,
            "propertyNames": {"maxLength": MAX_NAME, "pattern": patterns.NAME},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    )
    trigger_source: Annotated[Line, StringConstraints(max_length=100)] = Field(
        "", description="In your words, such as the name of a script; `api` if there are none."
    )

"""Requests about workflows, besides their definitions."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from blueprints.requests.base import PageQuery, Schema, example
from domain.definitions.parameters import MAX_NAME, MAX_PARAMETERS
from domain.validation import patterns
from domain.validation.fields import Line


class WorkflowQuery(PageQuery):
    project_id: Line | None = Field(None, description="Only of this project.")
    search: Line = Field("", description="Only with this in the name, regardless of case.")
    is_enabled: bool | None = Field(
        None, description="Only enabled workflows, or only disabled ones."
    )
    sort: Literal["name", "-name", "updatedAt", "-updatedAt", "lastRunAt", "-lastRunAt"] = Field(
        "name", description="The order; `-` reverses it."
    )


class ValidateQuery(Schema):
    whole: ClassVar[str] = "the query"
    workflow_id: str | None = Field(
        None,
        description=(
            "The workflow that the body would replace. It is checked like a PUT, so the "
            "workflow's own name is not a duplicate."
        ),
    )


class MetadataQuery(Schema):
    whole: ClassVar[str] = "the query"
    days: int | None = Field(
        None, ge=1, le=3650, description="Only runs created in the last so many days."
    )


class StartRun(Schema):
    model_config = example(parameters={"channel": "beta"}, triggerSource="nightly")
    whole: ClassVar[str] = "a run"
    parameters: dict[str, Any] = Field(
        {},
        description="By name, of the declared types.",
        json_schema_extra={
            "maxProperties": MAX_PARAMETERS,
            "propertyNames": {"maxLength": MAX_NAME, "pattern": patterns.NAME},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    )
    trigger_source: Annotated[Line, StringConstraints(max_length=100)] = Field(
        "", description="A label of your own, such as the name of a script; by default `api`."
    )

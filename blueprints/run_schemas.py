"""What requests about runs may hold; see `blueprints.schemas` for the rules."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from blueprints.schemas import CursorQuery, Schema

MAX_OFFSET = 1 << 50

Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Comment = Annotated[str, StringConstraints(max_length=10_000)]


Moment = Annotated[int, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339 with a zone outside, epoch milliseconds inside."""


class RunQuery(CursorQuery):
    workflow_id: str | None = None
    project_id: str | None = None
    status: list[Status] = Field(default_factory=list)
    trigger_source: str | None = None
    started_after: Moment | None = None
    started_before: Moment | None = None

    @field_validator("started_after", "started_before", mode="before")
    @classmethod
    def _milliseconds(cls, value: object) -> int:
        """RFC 3339 with a zone, as epoch milliseconds."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise PydanticCustomError(
                "invalid_format", "must be a time with a zone, such as 2026-01-31T12:00:00Z."
            )
        return int(moment.timestamp() * 1000)


class LogQuery(Schema):
    whole: ClassVar[str] = "the query"
    attempt: int | None = Field(None, ge=1, le=1000)
    offset: int | None = Field(None, ge=0, le=MAX_OFFSET)


class Rerun(Schema):
    whole: ClassVar[str] = "a rerun"
    whence: Literal["start", "failed"] = Field("start", alias="from")
    definition: Literal["same", "current"] = "same"


class StageDecision(Schema):
    whole: ClassVar[str] = "a decision"
    comment: Comment = ""


class Completion(Schema):
    whole: ClassVar[str] = "a completion"
    success: bool
    release_id: str | None = None
    message: Comment = ""


class Outcome(Schema):
    """Of a deployment whose worker was lost."""

    whole: ClassVar[str] = "an outcome"
    happened: bool
    comment: Comment = ""

"""What requests about runs may hold; see `blueprints.requests.base` for the rules."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from blueprints.requests.base import CursorQuery, Moment, Schema

MAX_OFFSET = 1 << 50

Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Comment = Annotated[str, StringConstraints(max_length=10_000)]


class RunQuery(CursorQuery):
    workflow_id: str | None = Field(None, description="Only of this workflow.")
    project_id: str | None = Field(None, description="Only of this project.")
    status: list[Status] = Field(
        default_factory=list, description="Only with this status; it may be given several times."
    )
    trigger_source: str | None = Field(None, description="Only started from there.")
    started_after: Moment = Field(None, description="A time with its zone.")
    started_before: Moment = Field(None, description="A time with its zone.")


class WaitQuery(Schema):
    whole: ClassVar[str] = "the query"
    wait: int | None = Field(
        None,
        ge=1,
        le=60,
        description=(
            "Seconds. While the run is as `If-None-Match` knows it, the answer comes when "
            "something has changed, or after that time as 304. Without `If-None-Match` nobody "
            "waits."
        ),
    )


class LogQuery(Schema):
    whole: ClassVar[str] = "the query"
    attempt: int | None = Field(None, ge=1, le=1000, description="Which one; else the last.")
    offset: int | None = Field(
        None, ge=0, le=MAX_OFFSET, description="Only what came after so many bytes."
    )


class Rerun(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "failed", "definition": "same"}]}
    )
    whole: ClassVar[str] = "a rerun"
    whence: Literal["start", "failed"] = Field(
        "start",
        alias="from",
        description="`failed`: what had succeeded is kept, with its releases, once their SHA-256 "
        "has been checked.",
    )
    definition: Literal["same", "current"] = Field(
        "same", description="That of the old run, or the workflow's of now."
    )


class StageDecision(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"comment": "The release notes are out."}]}
    )
    whole: ClassVar[str] = "a decision"
    comment: Comment = Field("", description="Kept with who and when.")


class Completion(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "releaseId": "0197c2f04a8e3d51b6a7c9e2",
                    "message": "Signed on the build machine.",
                }
            ]
        }
    )
    whole: ClassVar[str] = "a completion"
    success: bool = Field(description="Whether the step ends as Succeeded or as Failed.")
    release_id: str | None = Field(
        None, description="What was built: the id of a release of the step's ingredient."
    )
    message: Comment = ""


class Outcome(Schema):
    """Of a deployment whose worker was lost."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"happened": True, "comment": "The new page is up."}]}
    )
    whole: ClassVar[str] = "an outcome"
    happened: bool = Field(
        description="If it did, it counts as deployed from now on; if not, as failed."
    )
    comment: Comment = Field("", description="Kept with who and when.")


class Review(Schema):
    """Of one test of a step."""

    whole: ClassVar[str] = "a review"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "Waived", "comment": "Fails on this host only; see #214."}]
        }
    )
    status: Literal["Approved", "Rejected", "Waived"]
    comment: Comment = ""

"""Requests about runs."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from blueprints.requests.base import CursorQuery, Moment, Schema, example

MAX_OFFSET = 1 << 50

Status = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"]
Comment = Annotated[str, StringConstraints(max_length=10_000)]


class RunQuery(CursorQuery):
    workflow_id: str | None = Field(None, description="Only of this workflow.")
    project_id: str | None = Field(None, description="Only of this project.")
    status: list[Status] = Field(
        default_factory=list, description="Only with this status; it may be repeated."
    )
    trigger_source: str | None = Field(None, description="Only with this trigger.")
    started_after: Moment = Field(None, description="A time with its zone.")
    started_before: Moment = Field(None, description="A time with its zone.")


class WaitQuery(Schema):
    whole: ClassVar[str] = "the query"
    wait: int | None = Field(
        None,
        ge=1,
        le=60,
        description=(
            "Seconds to wait for a change. If the run still has the ETag in `If-None-Match`, the "
            "answer comes when the run changes, or after that time as 304. Without "
            "`If-None-Match` it comes at once."
        ),
    )


class LogQuery(Schema):
    whole: ClassVar[str] = "the query"
    attempt: int | None = Field(
        None, ge=1, le=1000, description="The number of an attempt; by default the last."
    )
    offset: int | None = Field(
        None, ge=0, le=MAX_OFFSET, description="Only the output after so many bytes."
    )


class Rerun(Schema):
    model_config = example(**{"from": "failed", "definition": "same"})
    whole: ClassVar[str] = "a rerun"
    whence: Literal["start", "failed"] = Field(
        "start",
        alias="from",
        description="`failed`: reuse the steps that succeeded and their releases, whose SHA-256 "
        "is checked first.",
    )
    definition: Literal["same", "current"] = Field(
        "same", description="The definition of the old run, or the workflow's current one."
    )


class StageDecision(Schema):
    model_config = example(comment="The release notes are out.")
    whole: ClassVar[str] = "a decision"
    comment: Comment = Field("", description="Stored with the user and the time.")


class Completion(Schema):
    model_config = example(
        success=True,
        releaseId="0197c2f04a8e3d51b6a7c9e2",
        message="Signed on the build machine.",
    )
    whole: ClassVar[str] = "a completion"
    success: bool = Field(description="Whether the step succeeded or failed.")
    release_id: str | None = Field(
        None, description="The release that was built, of the step's ingredient."
    )
    message: Comment = ""


class Outcome(Schema):
    """The outcome of a deployment whose worker was lost."""

    model_config = example(happened=True, comment="The new page is up.")
    whole: ClassVar[str] = "an outcome"
    happened: bool = Field(
        description="True: it counts as deployed from now on. False: it counts as failed."
    )
    comment: Comment = Field("", description="Stored with the user and the time.")


class Review(Schema):
    """The review of one test of a step."""

    whole: ClassVar[str] = "a review"
    model_config = example(status="Waived", comment="Fails on this host only; see #214.")
    status: Literal["Approved", "Rejected", "Waived"]
    comment: Comment = ""

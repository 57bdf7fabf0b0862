"""Tests that the steps of a run have reported."""

from typing import Literal

from pydantic import Field

from blueprints.responses.base import Answer, Count, Id, Milliseconds, Time


class Test(Answer):
    """A test that a step has reported, with its review."""

    __test__ = False  # a schema, not a test class

    id: Id
    name: str
    suite: str = Field(description="As the report names it.")
    result: Literal["Pass", "Fail", "Skip", "Error"]
    duration_ms: Milliseconds | None
    message: str
    review_status: Literal["NotReviewed", "Approved", "Rejected", "Waived"]
    reviewed_by: str | None
    reviewed_at: Time | None
    comment: str


class TestCounts(Answer):
    """The number of tests with each result."""

    __test__ = False  # a schema, not a test class

    total: Count
    passed: Count
    failed: Count
    skipped: Count
    errors: Count

"""The single tests of a step run."""

from typing import Any

from domain.models import StepRun, TestResult, given, new_id
from domain.models.statements import Statement

FAILURES = ("Fail", "Error")

_ADD = Statement(
    lambda: TestResult.insert(
        id=given("id"),
        step=given("step_id"),
        attempt=given("attempt"),
        suite=given("suite"),
        name=given("name"),
        result=given("result"),
        duration_ms=given("duration_ms"),
        message=given("message"),
        review_status="NotReviewed",
        comment="",
    )
)


def add(
    step_id: str,
    attempt: int,
    *,
    suite: str,
    name: str,
    result: str,
    duration_ms: int | None,
    message: str,
) -> None:
    """Store one test, inside the caller's transaction; they come back in the order of storing."""
    _ADD.change(
        id=new_id(),
        step_id=step_id,
        attempt=attempt,
        suite=suite,
        name=name,
        result=result,
        duration_ms=duration_ms,
        message=message,
    )


def find(step: StepRun) -> Any:
    """A query of the tests of the step's last attempt, in the order of storing.

    Of a step that a rerun kept, they are those of the step that really ran.
    """
    if step.kept_from is not None:
        step = StepRun.get_or_none(StepRun.id == step.kept_from) or step
    return TestResult.select().where(shown_by(step)).order_by(TestResult.id)


def shown_by(step: StepRun) -> Any:
    """The condition of tests that a step which really ran shows: those of its last attempt."""
    return (TestResult.step == step.id) & (TestResult.attempt == step.attempt)


def failures(step: StepRun, limit: int) -> list[TestResult]:
    """The first `limit` of them that did not pass."""
    return list(find(step).where(TestResult.result.in_(FAILURES)).limit(limit))

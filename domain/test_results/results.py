"""The tests of a step."""

from typing import Any

from domain.models import StepRun, TestResult, given, new_id
from domain.models.run_facts import origin_of
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
    """Store one test, inside the caller's transaction."""
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
    """Return a query of the step's tests, in the order of storing."""
    return TestResult.select().where(shown_by(step)).order_by(TestResult.id)


def shown_by(step: StepRun) -> Any:
    """Return the condition for a step's tests: those of its last attempt, or of its original."""
    origin = origin_of(step)
    return (TestResult.step == origin.id) & (TestResult.attempt == origin.attempt)


def failures(step: StepRun, limit: int) -> list[TestResult]:
    """Return the first `limit` tests that failed or had an error."""
    return list(find(step).where(TestResult.result.in_(FAILURES)).limit(limit))

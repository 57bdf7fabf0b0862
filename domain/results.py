"""The single tests of a step run."""

from domain.models import StepRun, TestResult

FAILURES = ("Fail", "Error")


def failures(step: StepRun, limit: int) -> list[TestResult]:
    """The first `limit` tests of the step's last attempt that did not pass."""
    return list(
        TestResult.select()
        .where(
            (TestResult.step == step.id)
            & (TestResult.attempt == step.attempt)
            & TestResult.result.in_(FAILURES)
        )
        .order_by(TestResult.id)
        .limit(limit)
    )

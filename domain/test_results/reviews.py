"""Reviews of single tests: approved, rejected or waived."""

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.clock import now
from domain.models import Run, StepRun, TestResult, write
from domain.models.run_facts import origin_of
from domain.test_results.results import shown_by

MAX_NAME = 200


def review(step: StepRun, test_id: str, *, status: str, comment: str, actor: Actor) -> TestResult:
    """Store a person's review of a test in place of the previous one.

    status: Approved, Rejected or Waived. The version rises of every run that shows the test,
    because it ran or reused the step. Raises NotFound for a test that the step does not show.
    """
    origin = origin_of(step)
    with write(origin.run_id):
        reviewed = list(
            TestResult.update(
                review_status=status,
                reviewed_by=actor.username,
                reviewed_at=now(),
                comment=comment,
            )
            .where((TestResult.id == test_id) & shown_by(origin))
            .returning(TestResult)
            .execute()
        )
        if not reviewed:
            raise missing("test", test_id)
        reruns = StepRun.select(StepRun.run).where(StepRun.kept_from == origin.id)
        Run.update(version=Run.version + 1).where(
            (Run.id == origin.run_id) | Run.id.in_(reruns)
        ).execute()
        audit.record(
            actor,
            "review",
            "test",
            test_id,
            project_id=step.run.project_id,
            detail={
                "runId": step.run_id,
                "stepRunId": step.id,
                "name": reviewed[0].name[:MAX_NAME],
                "status": status,
                "comment": comment,
            },
        )
    return reviewed[0]

"""What people say of single tests: approved, rejected, waived."""

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.clock import now
from domain.models import Run, StepRun, TestResult, write
from domain.models.run_facts import really_ran
from domain.test_results.results import shown_by

MAX_NAME = 200


def review(step: StepRun, test_id: str, *, status: str, comment: str, actor: Actor) -> TestResult:
    """Say what a person thinks of a test that the step shows, in place of what was said before.

    status: Approved, Rejected or Waived. A step that a rerun kept shows the tests of the step that
    really ran, and so do all that keep it: each of their runs is touched.
    Returns the test; raises NotFound for one that the step does not show.
    """
    origin = really_ran(step)
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
        keepers = StepRun.select(StepRun.run).where(StepRun.kept_from == origin.id)
        Run.update(version=Run.version + 1).where(
            (Run.id == origin.run_id) | Run.id.in_(keepers)
        ).execute()
        detail = {"name": reviewed[0].name[:MAX_NAME], "status": status, "comment": comment}
        audit.record(
            actor,
            "review",
            "test",
            test_id,
            project_id=step.run.project_id,
            detail={"runId": step.run_id, "stepRunId": step.id, **detail},
        )
    return reviewed[0]

"""How long things usually take, from the runs that succeeded before."""

import pytest

from domain.models import Run, StageRun, StepRun, Workflow
from domain.runs import durations
from domain.runs.durations import UsualDuration
from domain.statuses import FAILED, RUNNING, SUCCEEDED
from tests.support.pipelines import a_project, a_workflow, build

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def workflow(database: object) -> Workflow:
    a_project()
    return a_workflow([build("wheel")])


def ended(
    workflow: Workflow,
    number: int,
    *took: int,
    status: str = SUCCEEDED,
    kept: str | None = None,
    rerun_of: str | None = None,
) -> Run:
    """A run whose steps took so many milliseconds each, and itself as long as all of them."""
    run = Run.create(
        workflow=workflow,
        project_id=workflow.project_id,
        number=number,
        revision=1,
        status=status,
        trigger_source="test",
        triggered_by="ann",
        rerun_of=rerun_of,
        started_at=1_000,
        completed_at=1_000 + sum(took),
    )
    stage = StageRun.create(run=run, position=0, order=1, name="stage 1", run_if="success")
    for position, ms in enumerate(took):
        StepRun.create(
            run=run,
            stage=stage,
            position=position,
            name=f"s{position}",
            type="Build",
            queue="default",
            timeout_seconds=60,
            status=status,
            started_at=5_000,
            completed_at=5_000 + ms,
            kept_from=kept,
        )
    return run


def test_without_a_success_nothing_is_usual(workflow: Workflow) -> None:
    ended(workflow, 1, 400, status=FAILED)
    found = durations.usual_for(ended(workflow, 2, 500))
    assert (found.run, dict(found.steps)) == (None, {})


def test_only_successes_before_the_run_count(workflow: Workflow) -> None:
    for number, took in enumerate((100, 300, 200), 1):
        ended(workflow, number, took, 10)
    ended(workflow, 4, 9_000, 10, status=FAILED)
    run = ended(workflow, 5, 7_000, 10)
    ended(workflow, 6, 8_000, 10)
    found = durations.usual_for(run)
    assert found.run == UsualDuration(210, 310, 3)
    assert found.steps[("stage 1", "s0")] == UsualDuration(200, 300, 3)


def test_what_was_kept_took_no_time_and_says_nothing(workflow: Workflow) -> None:
    first = ended(workflow, 1, 100)
    ended(workflow, 2, 0, kept="ab" * 12, rerun_of=first.id)
    found = durations.usual_for(ended(workflow, 3, 1))
    assert found.run == UsualDuration(100, 100, 1)
    assert found.steps[("stage 1", "s0")].samples == 1


def test_the_newest_count(workflow: Workflow) -> None:
    for number in range(1, durations.RUNS + 6):
        ended(workflow, number, number)
    found = durations.usual_for(ended(workflow, durations.RUNS + 6, 1))
    assert found.run == UsualDuration(15, 23, durations.RUNS)


def test_a_run_that_was_under_way_counts_once_it_has_succeeded(workflow: Workflow) -> None:
    other = ended(workflow, 1, 100)
    Run.update(status=RUNNING, completed_at=None).where(Run.id == other.id).execute()
    run = ended(workflow, 2, 1)
    assert durations.usual_for(run).run is None
    Run.update(status=SUCCEEDED, completed_at=1_100).where(Run.id == other.id).execute()
    assert durations.usual_for(run).run == UsualDuration(100, 100, 1)


def test_it_is_known_when_what_runs_will_be_late(workflow: Workflow) -> None:
    for number in (1, 2, 3):
        ended(workflow, number, 400, 10)
    run = ended(workflow, 4, 1, 1)
    first, second = StepRun.select().where(StepRun.run == run.id).order_by(StepRun.position)
    StepRun.update(status=RUNNING, completed_at=None).where(StepRun.id == first.id).execute()
    assert durations.late_moments(run) == [first.started_at + 600 + durations.TOLERANCE_MS]
    StepRun.update(status=RUNNING).where(StepRun.id == second.id).execute()
    assert len(durations.late_moments(run)) == 1, "remembered for the version of the run"
    run.version += 1
    assert len(durations.late_moments(run)) == 2

"""The tests of a step as its page wants them: found in order, each with its last runs."""

import pytest

from domain.models import Run, StepRun, TestResult, Workflow
from domain.pagination import Page
from domain.test_results import queries as result_queries
from domain.test_results.history import WINDOW
from tests.support.pipelines import a_project, a_suite, a_workflow, start, step_named
from tests.support.pipelines import test as a_test

FIRST = Page(1, 50)


@pytest.fixture
def workflow(database: object) -> Workflow:
    a_suite(a_project(), "true")
    return a_workflow([a_test("unit", "unit")])


def a_step(workflow: Workflow, **results: str) -> StepRun:
    step = step_named(start(workflow), "unit")
    for name, result in results.items():
        add(step, name, result)
    return step


def add(step: StepRun, name: str, result: str, attempt: int = 1, suite: str = "") -> TestResult:
    return TestResult.create(step=step, attempt=attempt, suite=suite, name=name, result=result)


def names(step: StepRun, page: Page = FIRST, **filters: str) -> list[str]:
    return [row.name for row in result_queries.find(step, page, **filters).rows]


def marks(step: StepRun, name: str, suite: str = "") -> list[tuple[int, str]]:
    rows = result_queries.find(step, FIRST).rows
    test = next(row for row in rows if (row.name, row.suite) == (name, suite))
    history = result_queries.histories(step.run, step, rows)[test.id]
    return [(mark.number, mark.result) for mark in history.marks]


def test_what_needs_a_look_comes_first_and_all_that_fits_is_counted(workflow: Workflow) -> None:
    step = a_step(workflow, a="Pass", b="Skip", c="Fail", d="Error", e="Pass", AB="Fail")
    assert names(step) == ["c", "AB", "d", "b", "a", "e"]
    assert names(step, Page(2, 2)) == ["d", "b"]
    found = result_queries.find(step, FIRST, result="Fail", search="B")
    assert ([row.name for row in found.rows], found.total) == (["AB"], 1)
    assert found.counts == {"Fail": 1, "Skip": 1}
    assert names(step, search="%") == []


def test_only_the_last_attempt_is_shown(workflow: Workflow) -> None:
    step = a_step(workflow, a="Fail")
    StepRun.update(attempt=2).where(StepRun.id == step.id).execute()
    again = add(step, "a", "Pass", attempt=2)
    step = StepRun.get_by_id(step.id)
    assert names(step) == ["a"]
    assert marks(step, "a") == [(1, "Pass")]
    first = TestResult.get((TestResult.step == step.id) & (TestResult.attempt == 1))
    assert result_queries.get(step, again.id) == again
    assert result_queries.get(step, first.id) is None


def test_a_test_is_known_again_by_suite_and_whole_name(workflow: Workflow) -> None:
    long = "x" * 150
    one, other = a_step(workflow), a_step(workflow)
    for step, result in ((one, "Pass"), (other, "Fail")):
        add(step, f"{long} one", result)
        add(step, f"{long} other", "Skip")
        add(step, f"{long} one", "Error", suite="duck")
    assert marks(other, f"{long} one") == [(1, "Pass"), (2, "Fail")]
    assert marks(other, f"{long} one", "duck") == [(1, "Error"), (2, "Error")]
    assert marks(one, f"{long} one") == [(1, "Pass")]


def test_of_tests_that_share_a_name_the_worst_result_counts(workflow: Workflow) -> None:
    step = a_step(workflow, a="Fail")
    add(step, "a", "Pass")
    assert marks(step, "a") == [(1, "Fail")]


def test_only_so_many_runs_of_the_same_workflow_and_step_count(workflow: Workflow) -> None:
    another = a_workflow([a_test("unit", "unit")], name="Another")
    a_step(another, a="Fail")
    steps = [a_step(workflow, a="Pass") for _ in range(WINDOW + 1)]
    assert [number for number, _ in marks(steps[-1], "a")] == list(range(2, WINDOW + 2))
    rows = result_queries.find(steps[-1], FIRST).rows
    assert result_queries.histories(steps[-1].run, steps[-1], rows)[rows[0].id].goes_on
    assert len(marks(steps[4], "a")) == 5


def test_a_run_that_kept_the_step_has_no_mark(workflow: Workflow) -> None:
    ran, kept, later = a_step(workflow, a="Pass"), a_step(workflow), a_step(workflow, a="Fail")
    StepRun.update(kept_from=ran.id).where(StepRun.id == kept.id).execute()
    assert marks(later, "a") == [(1, "Pass"), (3, "Fail")]
    assert marks(StepRun.get_by_id(kept.id), "a") == [(1, "Pass")]
    Run.delete_by_id(later.run_id)
    assert names(later) == []

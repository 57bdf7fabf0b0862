"""The page with the tests of a step: found, opened, with their last runs, reviewed."""

import pytest
from flask.testing import FlaskClient

from domain.models import Run, StageRun, StepRun, TestResult, Workflow
from tests.support.people import People
from tests.support.pipelines import a_suite, a_workflow, start, step_named
from tests.support.pipelines import test as a_test
from tests.support.queries import counter

WORDS = {"P": "Pass", "F": "Fail", "E": "Error", "S": "Skip"}


@pytest.fixture
def workflow(project: object) -> Workflow:
    a_suite(project, "true")
    return a_workflow([a_test("unit", "unit")])


def a_run(workflow: Workflow, **results: str) -> StepRun:
    """The step of a run that has ended, with tests of these names: a letter for each result."""
    step = step_named(start(workflow), "unit")
    words = [WORDS[letter] for letter in results.values()]
    counts = {
        "total": len(words),
        "passed": words.count("Pass"),
        "failed": words.count("Fail"),
        "skipped": words.count("Skip"),
        "errors": words.count("Error"),
    }
    status = "Failed" if {"Fail", "Error"} & set(words) else "Succeeded"
    StepRun.update(test_counts=counts, status=status).where(StepRun.id == step.id).execute()
    for model in (Run, StageRun):
        own = model.id == (step.run_id if model is Run else step.stage_id)
        model.update(status=status, completed_at=1).where(own).execute()
    for name, word in zip(results, words, strict=True):
        add(step, name, word)
    return StepRun.get_by_id(step.id)


def add(step: StepRun, name: str, result: str = "Pass", **more: object) -> TestResult:
    values = {"attempt": 1, "suite": "duck", "duration_ms": 12, "message": f"{name} said <b>"}
    return TestResult.create(step=step, name=name, result=result, **values | more)


def address(step: StepRun) -> str:
    return f"/runs/{step.run_id}/steps/{step.id}/tests"


def test_named(step: StepRun, name: str) -> TestResult:
    return TestResult.get((TestResult.step == step.id) & (TestResult.name == name))


test_named.__test__ = False


def shown(page: str) -> list[str]:
    """The names of the tests in the order of the page."""
    rows = page.split('class="row-link" id="test-')[1:]
    return [row.partition("<span>")[2].partition("</span>")[0] for row in rows]


def words(page: str) -> str:
    return " ".join(page.split())


def test_what_failed_comes_first_and_counts_are_filters(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    step = a_run(workflow, walks="P", flies="F", dives="S", quacks="E", swims="P")
    page = visitor.get(address(step)).text
    assert shown(page) == ["flies", "quacks", "dives", "walks", "swims"]
    assert f'href="{address(step)}?result=Fail"' in page
    assert shown(visitor.get(f"{address(step)}?result=Pass").text) == ["walks", "swims"]
    found = visitor.get(f"{address(step)}?search=WAL&result=Pass").text
    assert shown(found) == ["walks"]
    assert f'href="{address(step)}?search=WAL"' in found
    assert "No tests found" in visitor.get(f"{address(step)}?result=Skip&search=walks").text
    assert visitor.get(f"{address(step)}?result=Odd").status_code == 422


def test_how_many_there_are_is_told_to_who_does_not_see_it(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    step = a_run(workflow, flies="P", swims="F", dives="P")
    told = '<p class="hidden" role="status" id="test-count">{}</p>'
    for query, count in (("", "3 tests"), ("?result=Pass", "2 of 3 tests")):
        assert told.format(count) in visitor.get(address(step) + query).text
    assert told.format("0 of 3 tests") in visitor.get(f"{address(step)}?search=swan").text


def test_a_long_list_comes_in_pages_and_an_open_test_is_on_any(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    step = a_run(workflow, **{f"test {number}": "P" for number in range(5)})
    page = visitor.get(f"{address(step)}?pageSize=2&page=2").text
    assert shown(page) == ["test 2", "test 3"]
    assert "3–4 of 5 tests" in page
    last = test_named(step, "test 4")
    assert shown(visitor.get(f"{address(step)}?pageSize=2&open={last.id}").text)[0] == "test 4"


def test_a_test_opens_with_its_message_and_closes_again(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    step = a_run(workflow, walks="P", flies="F")
    test = test_named(step, "flies")
    closed = visitor.get(f"{address(step)}?search=flies").text
    assert "flies said" not in closed
    there = f"{address(step)}?search=flies&open={test.id}"
    assert f'href="{there.replace("&", "&amp;")}#test-{test.id}" aria-expanded="false"' in closed
    opened = visitor.get(there).text
    assert "flies said &lt;b&gt;" in opened
    assert f'href="{address(step)}?search=flies#test-{test.id}" aria-expanded="true"' in opened
    assert visitor.get(f"{address(step)}?open={'0' * 24}").status_code == 200


def test_the_last_runs_tell_since_when_it_fails_and_what_is_flaky(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    for results in ("PPF", "PFP", "FPF", "FFP"):
        step = a_run(workflow, **dict(zip(("flies", "swims", "walks"), results, strict=True)))
    page = words(visitor.get(address(step)).text)
    third = Run.get((Run.workflow == workflow.id) & (Run.number == 3))
    assert f'failing since <a href="/runs/{third.id}">#3</a> (2 runs)' in page
    assert "newly failing" in page
    assert "flaky: 3 changes in the last 4 runs" in page
    assert "passes again" in page
    assert "Last 4 runs: 2 failed, 2 passed" in page
    earlier = words(visitor.get(address(step_named(third, "unit"))).text)
    assert "Last 3 runs: 1 failed, 2 passed" in earlier


def test_a_step_that_was_kept_shows_the_tests_of_the_run_where_they_ran(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    ran, kept = a_run(workflow, flies="P"), a_run(workflow)
    counts = ran.test_counts
    StepRun.update(kept_from=ran.id, test_counts=counts).where(StepRun.id == kept.id).execute()
    page = visitor.get(address(kept)).text
    assert shown(page) == ["flies"]
    assert f'These tests ran in <a href="/runs/{ran.run_id}">#1</a>' in page


def test_history_takes_as_many_questions_for_many_tests_as_for_one(
    visitor: FlaskClient, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = a_run(workflow, flies="P")
    many = a_run(workflow, **{f"test {number}": "F" for number in range(40)})
    count = counter(monkeypatch)
    assert count(lambda: visitor.get(address(many))) == count(lambda: visitor.get(address(one)))


def test_a_test_is_reviewed_and_the_grid_says_so(
    visitor: FlaskClient, people: People, workflow: Workflow
) -> None:
    step = a_run(workflow, flies="F", swims="P")
    test = test_named(step, "flies")
    form = {"status": "Waived", "comment": "On this host\r\nonly."}
    answer = visitor.post(f"{address(step)}/{test.id}/review?result=Fail", data=form)
    assert answer.status_code == 303
    assert answer.location == f"{address(step)}?result=Fail&open={test.id}#test-{test.id}"
    row = TestResult.get_by_id(test.id)
    assert (row.review_status, row.reviewed_by) == ("Waived", "superuser")
    assert row.comment == "On this host\nonly."
    page = visitor.get(address(step)).text
    assert "flies marked as waived." in page
    assert page.count(">Waived</span>") == 1
    reader = people.user.browser().get(f"{address(step)}?open={test.id}").text
    assert "On this host" in reader
    assert "by superuser" in reader
    assert "Reviewing a test needs the role <strong>SuperUser</strong>" in reader
    assert 'class="review-form"' not in reader


def test_a_review_without_a_verdict_comes_back_as_it_was_typed(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    step = a_run(workflow, flies="F")
    test = test_named(step, "flies")
    answer = visitor.post(f"{address(step)}/{test.id}/review", data={"comment": "Odd."})
    assert answer.status_code == 422
    assert "Odd.</textarea>" in answer.text
    assert 'id="status-fault"' in answer.text
    nowhere = visitor.post(f"{address(step)}/{'0' * 24}/review", data={"status": "Approved"})
    assert nowhere.status_code == 404


def test_a_step_without_tests_says_why(visitor: FlaskClient, workflow: Workflow) -> None:
    step = step_named(start(workflow), "unit")
    assert "No tests yet" in visitor.get(address(step)).text
    ended = a_run(workflow)
    StepRun.update(status="Skipped").where(StepRun.id == ended.id).execute()
    assert "This step reported no tests" in visitor.get(address(ended)).text


def test_strangers_learn_nothing_of_it(people: People, workflow: Workflow) -> None:
    step = a_run(workflow, flies="F")
    assert people.stranger.browser().get(address(step)).status_code == 404
    elsewhere = a_run(workflow, flies="F")
    wrong = f"/runs/{step.run_id}/steps/{elsewhere.id}/tests"
    assert people.user.browser().get(wrong).status_code == 404

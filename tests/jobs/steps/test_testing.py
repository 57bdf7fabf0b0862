"""Test steps: their releases, their reports, and failed tests."""

from pathlib import Path

import pytest

from domain.models import Package, TestResult
from jobs.scripts.runner import Stop
from tests.jobs.steps.workbench import build_step, on_one_database, suite_step

pytestmark = on_one_database

GOOD = '<testcase name="good"/>'
BAD = '<testcase name="bad"><failure message="no"/></testcase>'
ERROR = '<testcase name="error"><error message="oops"/></testcase>'
SKIPPED = '<testcase name="later"><skipped/></testcase>'


def reporting(*cases: str) -> str:
    """Return a suite that writes a report with these cases."""
    report = f'<testsuite name="s">{"".join(cases)}</testsuite>'
    return f"cat > $GALLEY_REPORTS/report.xml <<'END'\n{report}\nEND\n"


def outcome_of(bench, script: str):
    bench.add_suite(script)
    bench.start(suite_step())
    return bench.step()


def results(step) -> list[tuple[str, str]]:
    found = TestResult.select().where(TestResult.step == step).order_by(TestResult.id)
    return [(case.name, case.result) for case in found]


def test_each_case_of_the_reports_becomes_a_test(bench):
    step = outcome_of(bench, reporting(GOOD, SKIPPED, '<testcase name="good too"/>'))
    assert (step.status, step.message) == ("Succeeded", "2 of 3 tests passed, 1 skipped.")
    assert step.test_counts == {"total": 3, "passed": 2, "failed": 0, "skipped": 1, "errors": 0}
    assert results(step) == [("good", "Pass"), ("later", "Skip"), ("good too", "Pass")]
    first = TestResult.select().order_by(TestResult.id).first()
    assert (first.suite, first.attempt, first.review_status) == ("s", 1, "NotReviewed")


def test_a_bad_case_fails_the_step_whatever_the_script_says(bench):
    step = outcome_of(bench, reporting(GOOD, BAD, ERROR))
    assert (step.status, step.exit_code) == ("Failed", 0)
    assert step.message == "2 of 3 tests failed: bad, error."
    assert step.test_counts == {"total": 3, "passed": 1, "failed": 1, "skipped": 0, "errors": 1}
    assert results(step) == [("good", "Pass"), ("bad", "Fail"), ("error", "Error")]


def test_a_failed_script_fails_the_step_whatever_the_reports_say(bench):
    step = outcome_of(bench, reporting(GOOD) + "exit 3")
    assert (step.status, step.exit_code) == ("Failed", 3)
    assert "exit code 3" in step.message
    assert step.message.endswith("1 test passed.")
    assert results(step) == [("good", "Pass")]


def test_a_broken_report_fails_the_step_and_the_others_count(bench):
    step = outcome_of(bench, reporting(GOOD) + "echo '<oops' > $GALLEY_REPORTS/broken.xml")
    assert step.status == "Failed"
    assert "The report broken.xml is not valid XML" in step.message
    assert step.test_counts["passed"] == 1


def test_without_a_report_the_suite_is_the_one_test(bench):
    step = outcome_of(bench, "true")
    assert (step.status, step.message) == ("Succeeded", "")
    assert results(step) == [("unit", "Pass")]


def test_without_a_report_a_failed_suite_is_the_one_failed_test(bench):
    step = outcome_of(bench, "exit 1")
    assert results(step) == [("unit", "Fail")]
    assert step.test_counts["failed"] == 1


def test_a_suite_that_was_stopped_has_no_tests(bench):
    bench.stop_request.set(Stop.CANCELLED)
    step = outcome_of(bench, reporting(GOOD))
    assert step.status == "Cancelled"
    assert results(step) == []


def test_failed_tests_are_stored_first_if_there_are_too_many(bench, monkeypatch):
    monkeypatch.setattr("jobs.steps.test.MAX_STORED", 2)
    step = outcome_of(bench, reporting(GOOD, GOOD, BAD, GOOD))
    assert step.test_counts["total"] == 4
    assert results(step) == [("bad", "Fail"), ("good", "Pass")]


# ---- releases at hand ------------------------------------------------------------------------

BUILD = "mkdir $GALLEY_OUTPUT/d; echo 1 > $GALLEY_OUTPUT/a; echo 2 > $GALLEY_OUTPUT/d/b"


def test_the_packages_of_what_the_run_built_are_at_hand(bench):
    bench.add_ingredient("hull")
    bench.add_suite("cd $GALLEY_RELEASES; find . -type f | sort; cat engine/7/d/b")
    bench.start(
        build_step(BUILD), build_step(BUILD, "hull"), suite_step(), parameters={"version": "7"}
    )
    bench.step()
    bench.step()
    assert bench.step().status == "Succeeded"
    lines = [line for line in bench.log.splitlines() if not line.startswith("[galley]")]
    assert lines == ["./engine/7/a", "./engine/7/d/b", "./hull/7/a", "./hull/7/d/b", "2"]
    assert "[galley] Testing engine 7." in bench.log


def test_only_the_releases_that_are_named_are_at_hand(bench):
    bench.build(BUILD, version="1")
    bench.build(BUILD, version="2")
    bench.add_suite("ls $GALLEY_RELEASES/engine")
    bench.start(suite_step("engine@1"))
    bench.step()
    assert bench.log.splitlines()[1:] == ["1"]


def test_the_releases_are_read_only(bench):
    bench.add_suite(
        "cd $GALLEY_RELEASES; find . -printf '%m %y\\n' | sort -u; test $(id -u) = 0 || ! touch x"
    )
    bench.start(build_step(BUILD), suite_step())
    bench.step()
    assert bench.step().status == "Succeeded"
    assert bench.log.splitlines()[1:] == ["444 f", "555 d"]


def test_a_suite_cannot_change_stored_packages(bench):
    bench.add_suite("cd $GALLEY_RELEASES/engine/*; chmod u+w . a; echo changed > a")
    bench.start(build_step(BUILD), suite_step(), suite_step())
    assert [bench.step().status for _ in range(3)] == ["Succeeded"] * 3


def test_a_release_that_is_not_there_fails_the_step(bench):
    bench.add_suite("true")
    bench.start(suite_step("engine@3.1"))
    step = bench.step()
    assert (step.status, step.exit_code) == ("Failed", None)
    assert step.message == "This project has no release engine@3.1."


def test_a_damaged_package_fails_the_step(bench):
    bench.add_suite("true")
    bench.start(build_step(BUILD), suite_step())
    bench.step()
    packages = bench.settings.data_dir / "storage" / "packages"
    for stored in (path for path in packages.rglob("*") if path.is_file()):
        stored.chmod(0o644)
        Path(stored).write_text("something else")
    step = bench.step()
    assert step.status == "Failed"
    assert step.message.startswith("The stored file a is damaged")


@pytest.mark.parametrize("absolute", [True, False])
def test_a_package_whose_row_names_another_path_is_not_copied(bench, tmp_path, absolute):
    outside = tmp_path / "outside"
    bench.add_suite("true")
    bench.start(build_step("echo x > $GALLEY_OUTPUT/x"), suite_step())
    bench.step()
    Package.update(path=str(outside) if absolute else "../../../outside").execute()
    step = bench.step()
    assert step.status == "Failed"
    assert "outside the folder of its release" in step.message
    assert not outside.exists()

"""One run through all kinds of steps, on both databases."""

from domain.models import Deployment, Release, Run, TestResult
from tests.jobs.steps.workbench import build_step, deploy_step, suite_step

BUILD = "echo 1.2 > $GALLEY_VERSION_FILE; echo hello > $GALLEY_OUTPUT/hello.txt"
SUITE = """
grep hello $GALLEY_RELEASES/engine/1.2/hello.txt
echo '<testsuite name="s"><testcase name="greets" time="0.5"/></testsuite>' > $GALLEY_REPORTS/r.xml
"""


def test_a_build_is_tested_and_deployed(bench, tmp_path):
    bench.add_suite(SUITE)
    bench.add_environment("directory", {"path": str(tmp_path / "place"), "keep": 5})
    bench.start(build_step(BUILD), suite_step(), deploy_step("*.txt"))
    build, test, deploy = bench.step(), bench.step(), bench.step()
    assert Run.get_by_id(bench.run.id).status == "Succeeded"
    assert Release.get_by_id(build.release_id).version == "1.2"
    assert test.test_counts == {"total": 1, "passed": 1, "failed": 0, "skipped": 0, "errors": 0}
    result = TestResult.get(TestResult.step == test)
    assert (result.suite, result.name, result.duration_ms) == ("s", "greets", 500)
    assert Deployment.get_by_id(deploy.deployment_id).release_id == build.release_id
    assert (tmp_path / "place" / "current" / "hello.txt").read_text() == "hello\n"


def test_a_version_that_exists_fails_the_run(bench):
    bench.build(BUILD)
    step = bench.build(BUILD)
    assert (step.status, step.release_id) == ("Failed", None)
    assert "engine already has a release 1.2" in step.message
    assert Run.get_by_id(bench.run.id).status == "Failed"

"""Reruns of a failed run, which reuse, test and deploy its builds."""

import pytest

from domain.errors import Conflict
from domain.models import Deployment, Package, Release, Run, StepRun
from domain.runs import reruns
from tests.jobs.steps.workbench import ACTOR, Bench, build_step, deploy_step, suite_step
from tests.support.keys import KEYS

BUILD = "echo built >> {trace}; echo hello > $GALLEY_OUTPUT/hello.txt"
SUITE = (
    "test -e {trace}.fixed; grep hello $GALLEY_RELEASES/engine/*/hello.txt; echo tested >> {trace}"
)


@pytest.fixture
def trace(tmp_path):
    """A file to which each script adds a line."""
    return tmp_path / "trace"


@pytest.fixture
def failed(bench: Bench, trace) -> Run:
    """A run with a build, a test that failed and would now succeed, and a deployment."""
    bench.add_suite(SUITE.format(trace=trace))
    bench.add_environment("directory", {"path": str(trace.with_name("place")), "keep": 5})
    build = build_step(BUILD.format(trace=trace))
    bench.start(build, suite_step(), suite_step("engine@run"), deploy_step("*.txt"))
    bench.steps()
    trace.with_name("trace.fixed").touch()
    return Run.get_by_id(bench.run.id)


def run_again(bench: Bench, old: Run) -> list[StepRun]:
    bench.run = reruns.rerun(
        old,
        whence="failed",
        definition="same",
        actor=ACTOR,
        keys=KEYS,
        storage=lambda: bench.storage,
    )
    return bench.steps()


def test_a_rerun_tests_and_deploys_the_earlier_build(bench, failed, trace):
    assert failed.status == "Failed"
    steps = run_again(bench, failed)
    assert [step.name for step in steps] == ["Step 2", "Step 3", "Step 4"]
    assert Run.get_by_id(bench.run.id).status == "Succeeded"
    assert trace.read_text() == "built\ntested\ntested\n"
    release = Release.get()
    assert release.run_id == failed.id
    assert Deployment.get().release_id == release.id
    assert (trace.with_name("place") / "current" / "hello.txt").read_text() == "hello\n"


def test_a_package_that_was_damaged_since_is_not_used_again(bench, failed, trace):
    path = bench.storage._path(Package.get().sha256)
    path.chmod(0o644)
    path.write_text("Hello\n")
    with pytest.raises(Conflict, match=r"engine@1:hello\.txt: The stored file is damaged") as no:
        run_again(bench, failed)
    assert no.value.code == "release_damaged"
    assert Run.select().count() == 1
    assert trace.read_text() == "built\n"

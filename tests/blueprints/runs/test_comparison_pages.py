"""The page that tells what changed between two runs of a workflow."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.logs.files import log_path
from domain.models import (
    Environment,
    Package,
    Project,
    Release,
    Run,
    StepRun,
    TestResult,
    TestSuite,
    Workflow,
    first_id,
)
from domain.settings import Settings
from domain.workflows import queries as workflow_queries
from domain.workflows import workflows
from tests.support.people import People
from tests.support.pipelines import (
    ACTOR,
    a_suite,
    a_workflow,
    an_environment,
    build,
    deploy,
    start,
    step_named,
)
from tests.support.pipelines import test as a_test

PARAMETERS = [
    {"name": "region", "type": "string"},
    {"name": "channel", "type": "string"},
]
STAGES = ([build("wheel")], [a_test("unit", "unit"), deploy("live")])


@pytest.fixture
def workflow(project: Project) -> Workflow:
    a_suite(project, "make test")
    an_environment(project, keep=3)
    return a_workflow(*STAGES, parameters=PARAMETERS)


def a_run(workflow: Workflow, status: str = "Succeeded", **parameters: str) -> Run:
    """One that has ended so, with its Test step."""
    run = start(workflow, **parameters)
    Run.update(status=status, started_at=1, completed_at=2).where(Run.id == run.id).execute()
    ended = {"status": "Succeeded", "started_at": 1_000, "completed_at": 2_000}
    StepRun.update(**ended).where(StepRun.run == run.id).execute()
    StepRun.update(status=status).where(
        (StepRun.run == run.id) & (StepRun.name == "unit")
    ).execute()
    return Run.get_by_id(run.id)


def changed(run: Run, step: str, **values: object) -> StepRun:
    row = step_named(run, step)
    StepRun.update(**values).where(StepRun.id == row.id).execute()
    return StepRun.get_by_id(row.id)


def logged(settings: Settings, run: Run, step: str, text: str) -> Path:
    path = log_path(settings.data_dir, run.id, step_named(run, step).id, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def with_tests(run: Run, step_name: str = "unit", **results: str) -> None:
    step = changed(run, step_name, test_counts={"total": len(results)})
    for name, result in results.items():
        TestResult.create(step=step, attempt=1, name=name, result=result)


def released(run: Run, version: str, step_name: str = "wheel", **files: str) -> Release:
    release = Release.create(ingredient="duck", version=version, created_by="ann", run_id=run.id)
    for path, sha256 in files.items():
        Package.create(release=release, path=path, size=1, sha256=sha256 * 64)
    changed(run, step_name, release_id=release.id)
    return release


def address(run: Run, other: Run | None = None) -> str:
    return f"/runs/{run.id}/compare" + (f"?with={other.id}" if other else "")


def words(page: str) -> str:
    return " ".join(page.split())


def test_a_failed_run_is_held_against_the_last_that_worked(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    for status in ("Succeeded", "Succeeded", "Failed", "Cancelled"):
        a_run(workflow, status)
    failed = a_run(workflow, "Failed")
    later = a_run(workflow)
    page = words(visitor.get(address(failed)).text)
    assert "What changed since #2, the last success" in page
    assert 'title="#3 Failed"' in page
    assert 'title="#4 Cancelled"' in page
    assert "#6 Succeeded, later" in page
    other = words(visitor.get(address(failed, later)).text)
    assert "What changed from #6 to #5" in other


def test_two_that_differ_in_nothing_say_so(visitor: FlaskClient, workflow: Workflow) -> None:
    a_run(workflow, region="eu")
    page = words(visitor.get(address(a_run(workflow, region="eu"))).text)
    assert "The same in both: tests, parameters, definition, suites and environments." in page
    assert "3 steps unchanged" in page
    assert "New failures" not in page
    assert ">Changes<" not in page


def test_parameters_definition_and_what_surrounds_it_are_told(
    visitor: FlaskClient, workflow: Workflow, project: Project
) -> None:
    a_run(workflow, region="eu")
    TestSuite.update(script="make test\nmake lint").execute()
    Environment.update(settings={"keep": 5}).execute()
    stages = [
        {"name": f"stage {number}", "order": number, "steps": list(steps)}
        for number, steps in enumerate(([build("wheel", "make wheel")], STAGES[1]), 1)
    ]
    body = {"name": "Release", "parameters": PARAMETERS, "stages": stages}
    body = parse(body, ChangedWorkflow, project_id=project.id)
    workflows.update(workflow, body, actor=ACTOR, comment="Make makes it.")
    page = words(visitor.get(address(a_run(workflow, "Failed", region="us", channel="beta"))).text)
    assert "2 parameters differ" in page
    assert "<span>eu</span>" in page
    assert "stage 1 / wheel" in page
    assert "make wheel" in page
    assert "Suite / unit" in page
    assert "+ make lint" in page
    assert "Environment / nest" in page
    assert "Make makes it." in page
    assert "revision 1" in page


def test_the_first_line_that_differs_is_shown_of_each_step_that_broke(
    visitor: FlaskClient, workflow: Workflow, settings: Settings
) -> None:
    good, bad = a_run(workflow), a_run(workflow, "Failed")
    changed(bad, "unit", message="Exit code 2.")
    logged(settings, good, "unit", "took 12 ms\nall is <well>\n")
    logged(settings, bad, "unit", "took 15 ms\nall is <lost>\n")
    page = words(visitor.get(address(bad)).text)
    assert "1 step fails now" in page
    assert "Exit code 2." in page
    assert "The logs differ from line 2." in page
    assert '<span class="line of-removed">- all is &lt;well&gt;' in page
    assert '<span class="line of-added">+ all is &lt;lost&gt;' in page
    logged(settings, bad, "unit", "took 19 ms\nall is <well>\n")
    assert "The log matches that of #1" in words(visitor.get(address(bad)).text)
    logged(settings, bad, "unit", "").unlink()
    assert "so they cannot be compared" in visitor.get(address(bad)).text


def test_the_line_that_looks_like_the_error_is_shown_wherever_the_logs_part(
    visitor: FlaskClient, workflow: Workflow, settings: Settings
) -> None:
    good, bad = a_run(workflow), a_run(workflow, "Failed")
    logged(settings, good, "unit", "compiling a\n")
    text = "compiling b\n" * 3120 + "\x1b[31mERROR\x1b[0m: <it> sank\nERROR: again\n"
    logged(settings, bad, "unit", text)
    page = words(visitor.get(address(bad)).text)
    place = f"/runs/{bad.id}?step={step_named(bad, 'unit').id}&amp;line=3121#L3121"
    assert f'First error: line <a href="{place}">3,121</a>' in page
    assert "<code>ERROR: &lt;it&gt; sank</code>" in page
    assert "The logs differ from line 1." in page
    assert "again" not in page
    logged(settings, good, "unit", "").unlink()
    assert "3,121</a>" in visitor.get(address(bad)).text  # with nothing to hold it against
    logged(settings, bad, "unit", "compiling b\n")
    assert "error-line" not in visitor.get(address(bad)).text


def test_tests_releases_and_times_are_told(visitor: FlaskClient, workflow: Workflow) -> None:
    good, bad = a_run(workflow), a_run(workflow, "Failed")
    with_tests(good, flies="Pass", swims="Fail", dives="Pass")
    with_tests(bad, flies="Fail", swims="Pass", quacks="Error")
    released(good, "1.0", a="a", b="b", c="c")
    released(bad, "1.1", a="a", b="e", d="d")
    changed(bad, "wheel", completed_at=61_000)
    page = words(visitor.get(address(bad)).text)
    assert "1 test newly failing" in page
    assert f'/steps/{step_named(bad, "unit").id}/tests?search=flies">flies</a>' in page
    assert "1 test passes again" in page
    assert "1 test is new" in page
    assert "1 test is gone" in page
    assert "3 other files, 1 the same" in page
    assert "1 release differs" in page
    assert "+59 s" in page
    assert "2 steps as before" not in page  # unit has turned, wheel has moved
    assert "1 step unchanged" in page


def test_a_step_that_was_renamed_is_the_same_step(
    visitor: FlaskClient, workflow: Workflow, project: Project
) -> None:
    good = a_run(workflow)
    with_tests(good, flies="Pass")
    released(good, "1.0", a="a")
    present = workflow_queries.get_revision(workflow, 1).definition
    for name, (stage, step) in {"units": (1, 0), "egg": (0, 0)}.items():
        present["stages"][stage]["steps"][step]["name"] = name
    body = parse(present, ChangedWorkflow, project_id=project.id)
    workflows.update(workflow, body, actor=ACTOR)
    bad = a_run(workflow)
    changed(bad, "units", status="Failed")
    with_tests(bad, "units", flies="Fail")
    released(bad, "1.1", "egg", a="a")
    page = words(visitor.get(address(bad)).text)
    assert "1 step fails now" in page
    assert "1 test newly failing" in page
    assert "The same files, byte for byte: duck" in page
    assert "not there" not in page


def test_releases_that_were_only_tested_count_as_they_were_when_the_step_began(
    visitor: FlaskClient, project: Project
) -> None:
    a_suite(project, "true")
    step = a_test("unit", "unit")
    step["configuration"]["releaseIds"] = ["duck@latest"]
    workflow = a_workflow([step])
    moments = (1_000_000, 2_000_000, 3_000_000)
    for version, at in enumerate(moments, 1):
        values = {"ingredient": "duck", "version": f"v{version}", "created_by": "ann"}
        Release.create(id=first_id(at), **values)
    good, bad = a_run(workflow), a_run(workflow, "Failed")
    changed(good, "unit", started_at=1_500_000)
    changed(bad, "unit", started_at=2_500_000)
    page = words(visitor.get(address(bad)).text)
    assert ">v1</a>" in page
    assert ">v2</a>" in page
    assert ">v3</a>" not in page


def test_without_an_earlier_success_another_run_can_be_chosen(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    first = a_run(workflow, "Failed")
    alone = visitor.get(address(first)).text
    assert "No run before #1 succeeded" in alone
    assert "This is the only run" in alone
    second = a_run(workflow, "Failed")
    offer = "What changed since the last success"
    assert offer not in visitor.get(f"/runs/{second.id}").text
    page = visitor.get(address(second)).text
    assert "Choose another run above" in page
    assert f'<option value="{first.id}"' in page
    assert visitor.get(address(second, first)).status_code == 200
    a_run(workflow)
    assert offer in visitor.get(f"/runs/{a_run(workflow, 'Failed').id}").text


def test_only_runs_of_one_workflow_compare(
    visitor: FlaskClient, people: People, workflow: Workflow
) -> None:
    run = a_run(workflow)
    stranger = a_run(a_workflow([build("wheel")], name="Another"), "Succeeded")
    answer = visitor.get(address(run, stranger))
    assert answer.status_code == 422
    assert "belongs to another workflow" in answer.text
    assert visitor.get(address(run, run)).status_code == 422
    assert visitor.get(f"{address(run)}?with={'0' * 24}").status_code == 404
    assert visitor.get(f"{address(run)}?with=").status_code == 200
    assert people.stranger.browser().get(address(run)).status_code == 404

"""What people do to a run from its page, beside stopping and deciding."""

import re

from flask.testing import FlaskClient

from domain import engine
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.engine import Ending
from domain.models import Release, Run, StepRun, TestSuite, Workflow
from domain.statuses import CANCELLED, FAILED
from domain.workflows import workflows
from tests.support.pipelines import ACTOR, a_suite, a_workflow, build, claimed, start, step_named
from tests.support.pipelines import test as check


def test_a_step_is_aborted_alone(visitor: FlaskClient, failed: Run) -> None:
    run = start(failed.workflow)
    step = step_named(run, "wheel")
    assert "Abort step" in visitor.get(f"/runs/{run.id}").text
    answer = visitor.post(f"/runs/{run.id}/steps/{step.id}/abort")
    assert (answer.status_code, answer.location) == (303, f"/runs/{run.id}?step={step.id}#step")
    assert StepRun.get_by_id(step.id).status == CANCELLED
    assert visitor.post(f"/runs/{run.id}/steps/{step.id}/abort").status_code == 303
    assert "Abort step" not in visitor.get(answer.location).text


def test_a_step_that_waits_for_the_outside_is_completed_from_its_page(
    visitor: FlaskClient, project: object
) -> None:
    run = start(a_workflow([build("elsewhere", script=None)]))
    step = step_named(run, "elsewhere")
    release = Release.create(ingredient="duck", version="7", created_by="ann")
    page = visitor.get(f"/runs/{run.id}").text
    assert f'<option value="{release.id}">7</option>' in page
    address = f"/runs/{run.id}/steps/{step.id}/complete"
    refused = visitor.post(address, data={"success": "true", "releaseId": "x"})
    assert "There is no release" in visitor.get(refused.location).text
    form = {"success": "true", "releaseId": release.id, "message": "Signed."}
    answer = visitor.post(address, data=form)
    page = visitor.get(answer.location).text
    assert "Signed." in page
    assert "Complete this step" not in page
    assert StepRun.get_by_id(step.id).release_id == release.id
    again = visitor.post(address, data={"success": "false"})
    assert "already" in visitor.get(again.location).text


def test_before_a_run_is_run_again_it_says_what_that_would_do(
    visitor: FlaskClient, failed: Run
) -> None:
    page = visitor.get(f"/runs/{failed.id}/rerun").text
    assert "wheel is reused" in page
    assert "sign runs" in page
    assert "which is still current" in page
    assert "Current" not in page
    body = {
        "name": "Release",
        "stages": [{"name": "stage 1", "order": 1, "steps": [build("wheel", "make")]}],
    }
    workflows.update(failed.workflow, parse(body, ChangedWorkflow, project_id="pond"), actor=ACTOR)
    page = visitor.get(f"/runs/{failed.id}/rerun").text
    assert "Current: revision 2" in page
    assert "wheel runs" in page
    assert "Changes from revision 1 to 2" in page
    assert 'class="line of-added">+ make' in page or "make" in page


def test_a_run_whose_workflow_is_gone_says_why_it_cannot_be_run_again(
    visitor: FlaskClient, failed: Run
) -> None:
    workflows.delete(failed.workflow, actor=ACTOR)
    page = visitor.get(f"/runs/{failed.id}/rerun").text
    assert "The workflow of this run was deleted." in page
    assert re.search(r'<button class="primary"\s+disabled', page)


def test_a_choice_that_cannot_be_says_why_and_leaves_the_other(
    visitor: FlaskClient, failed: Run
) -> None:
    """The old definition asks for a test suite that is gone."""
    workflow = failed.workflow
    stages = [{"name": "stage 1", "order": 1, "steps": [check("unit", "unit")]}]
    a_suite(workflow.project_id, "true")
    body = {"name": "Release", "stages": stages}
    workflows.update(workflow, parse(body, ChangedWorkflow, project_id="pond"), actor=ACTOR)
    old = start(Workflow.get_by_id(workflow.id))
    engine.finish(claimed(step_named(old, "unit")), Ending(FAILED, "No.", 1))
    body["stages"] = [{"name": "stage 1", "order": 1, "steps": [build("wheel")]}]
    changed = Workflow.get_by_id(workflow.id)
    workflows.update(changed, parse(body, ChangedWorkflow, project_id="pond"), actor=ACTOR)
    TestSuite.delete().execute()
    page = visitor.get(f"/runs/{old.id}/rerun")
    assert page.status_code == 200
    assert "unit" in re.findall(r'<small class="fault">([^<]*)<', page.text)[0]
    assert re.search(r'value="current"\s+checked', page.text)


def test_before_a_lost_deployment_is_answered_for_nothing_is_kept(
    visitor: FlaskClient, failed: Run
) -> None:
    StepRun.update(outside_effect="unknown").where(
        StepRun.id == step_named(failed, "sign").id
    ).execute()
    page = visitor.get(f"/runs/{failed.id}/rerun").text
    assert "First record the outcome of the deployment" in page
    assert re.search(r'value="failed"\s+disabled', page)
    assert "is reused" not in page

"""The one-time address by which something outside completes a step."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import AuditEvent, Ingredient, Release, Run, StepRun
from domain.runs import external_completion
from domain.secret_key import Keys
from domain.statuses import CANCELLED, FAILED, SUCCEEDED
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, start, step_named


@pytest.fixture
def step(people: People) -> StepRun:
    """Of a run of two stages, the first of which is built elsewhere."""
    Ingredient.create(id="duck", project="pond", name="Duck", created_by="test")
    stages = [build("elsewhere", script=None)], [build("here")]
    return step_named(start(a_workflow(*stages)), "elsewhere")


@pytest.fixture
def address(app: Flask, step: StepRun) -> str:
    secret = external_completion.secret_of(step, app.extensions["galley_keys"])
    return f"/api/completions/{secret}"


def test_it_completes_its_step_once_without_anybody_being_signed_in(
    client: FlaskClient, step: StepRun, address: str
) -> None:
    release = Release.create(ingredient="duck", version="1", created_by="ann")
    body = {"success": True, "releaseId": release.id, "message": "Signed."}
    answer = client.post(address, json=body)
    assert (answer.status_code, answer.json) == (200, {"id": step.id, "status": SUCCEEDED})
    done = StepRun.get_by_id(step.id)
    assert (done.status, done.release_id, done.message) == (SUCCEEDED, release.id, "Signed.")
    assert step_named(Run.get_by_id(step.run_id), "here").ready_at is not None
    told = AuditEvent.get(AuditEvent.object_id == step.id)
    assert (told.actor, told.project_id) == ("one-time address", "pond")
    assert client.post(address, json=body).status_code == 200, "the same again is no fault"
    assert client.post(address, json={"success": False}).status_code == 409
    assert StepRun.get_by_id(step.id).status == SUCCEEDED


def test_it_dies_with_its_step(
    client: FlaskClient, people: People, step: StepRun, address: str
) -> None:
    stop = f"/api/workflowruns/{step.run_id}/abort"
    assert client.post(stop, headers=people.superuser.headers()).status_code == 202
    assert client.post(address, json={"success": True}).status_code == 409
    assert StepRun.get_by_id(step.id).status == CANCELLED


@pytest.mark.parametrize("change", ["another step", "another key", "a letter", "nothing", "é"])
def test_only_the_right_address_does_anything(
    client: FlaskClient, step: StepRun, address: str, change: str
) -> None:
    other = step_named(Run.get_by_id(step.run_id), "here")
    wrong = {
        "another step": address.replace(step.id, other.id),
        "another key": "/api/completions/"
        + external_completion.secret_of(step, Keys("another" * 9)),
        "a letter": address[:-1] + ("A" if address[-1] != "A" else "B"),
        "nothing": f"/api/completions/{step.id}.",
        "é": f"{address[:-1]}é",
    }[change]
    answer = client.post(wrong, json={"success": True})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert StepRun.get_by_id(step.id).status not in (SUCCEEDED, FAILED)


def test_the_page_shows_it_to_who_may_complete_the_step_and_to_nobody_else(
    people: People, step: StepRun, address: str
) -> None:
    path = f"/runs/{step.run_id}?step={step.id}"
    assert address in people.superuser.browser().get(path).text
    page = people.user.browser().get(path).text
    assert "completions" not in page
    assert "Waiting for external completion." in page

"""Requests that make steps ready or abort them notify the workers, after the commit."""

from dataclasses import replace

import pytest
from flask import Flask

from app import serve
from domain.models import Ingredient, Run, StepRun
from jobs.queue import Doorbell
from tests.support.pipelines import a_workflow, build, claimed, step_named


@pytest.fixture
def ringing(app: Flask, settings, doorbell: Doorbell, redis_url: str) -> Doorbell:
    """Where the application rings."""
    serve(app, replace(settings, redis_url=redis_url))
    return doorbell


@pytest.fixture
def post(client, people):
    def post(address: str, body: object = None):
        return client.post(address, headers=people.superuser.headers(), json=body)

    return post


@pytest.fixture
def workflow(project):
    Ingredient.create(id="duck", project=project, name="Duck", created_by="test")
    return a_workflow([build("a")])


def rung(doorbell: Doorbell) -> set[str]:
    names = {step.id: step.name for step in StepRun.select()}
    return {names[m.split("-")[0][1:]] for m in doorbell.waiting_messages("default")}


def test_what_a_start_makes_ready_is_rung_for(ringing, post, workflow):
    assert post(f"/api/workflows/{workflow.id}/runs").status_code == 201
    assert rung(ringing) == {"a"}


def test_what_a_completion_makes_ready_is_rung_for(ringing, post, workflow):
    later = a_workflow([build("o", script=None)], [build("b")], name="Later")
    run = Run.get_by_id(post(f"/api/workflows/{later.id}/runs").json["runId"])
    address = f"/api/workflowruns/{run.id}/steps/{step_named(run, 'o').id}/complete"
    assert (rung(ringing), post(address, {"success": True}).status_code) == (set(), 200)
    assert rung(ringing) == {"b"}


def test_the_worker_of_an_aborted_step_is_poked(ringing, post, workflow):
    run = Run.get_by_id(post(f"/api/workflows/{workflow.id}/runs").json["runId"])
    held = claimed(step_named(run, "a"))
    with ringing.connection.pubsub() as heard:
        heard.psubscribe("*")
        heard.get_message(timeout=1)
        assert post(f"/api/workflowruns/{run.id}/abort").status_code == 202
        message = heard.get_message(timeout=1)
    assert held.step_id in message["data"].decode()
    assert message["channel"].decode().endswith(":w")


def test_without_redis_the_result_stands(post, workflow, caplog):
    assert post(f"/api/workflows/{workflow.id}/runs").status_code == 201
    assert Run.select().count() == 1
    assert "could not notify" in caplog.text

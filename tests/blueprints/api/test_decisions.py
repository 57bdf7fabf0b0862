"""What people and scripts decide about a run: approvals, and steps completed from outside."""

import pytest

from domain.accounts.access import USER
from domain.models import StageRun, StepRun
from tests.support.world import World


@pytest.fixture
def world(app, project):
    return World(app, project)


def test_a_read_only_token_approves_nothing_even_where_every_user_may(client, world, people):
    step = world.run()
    asked = {"required": True, "roles": [USER]}
    StageRun.update(approval=asked).where(StageRun.id == step.stage_id).execute()
    path = f"/api/workflowruns/{step.run_id}/stages/{step.stage_id}/approve"

    refused = client.post(path, headers=people.user.headers("read"))
    assert refused.status_code == 403
    assert refused.json["error"]["code"] == "read_only_token"
    assert StageRun.get_by_id(step.stage_id).decision is None

    assert client.post(path, headers=people.user.headers("write")).status_code == 200
    assert StageRun.get_by_id(step.stage_id).decision == "approved"


def test_a_step_is_not_completed_before_its_stage_has_begun(client, world, people):
    step = world.run(is_outside=True)
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/complete"
    response = client.post(path, headers=people.superuser.headers(), json={"success": True})
    assert response.status_code == 409
    assert response.json["error"]["code"] == "conflict"
    assert StepRun.get_by_id(step.id).status == "Pending"


def test_a_step_is_completed_once(client, world, people):
    step = world.run(is_outside=True, ready_at=1)
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/complete"
    headers = people.superuser.headers()
    assert client.post(path, headers=headers, json={"success": True}).status_code == 200
    again = client.post(path, headers=headers, json={"success": False})
    assert again.status_code == 409
    assert again.json["error"]["code"] == "already_finished"
    assert StepRun.get_by_id(step.id).status == "Succeeded"


def test_the_same_completion_may_be_sent_again(client, world, people):
    step = world.run(is_outside=True, ready_at=1)
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/complete"
    answers = [
        client.post(path, headers=people.superuser.headers(), json={"success": False})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json == {"id": step.id, "status": "Failed"}


@pytest.fixture
def lost(world):
    """A Deploy of which nobody knows the outcome."""
    return world.ended_run(type="Deploy", outside_effect="unknown")


def test_a_person_says_once_what_became_of_a_lost_deployment(client, lost, people):
    headers = people.superuser.headers()
    run = f"/api/workflowruns/{lost.run_id}"
    assert (
        client.get(run, headers=headers).json["stageRuns"][0]["stepRuns"][0]["outsideEffect"]
        == "unknown"
    )
    path = f"{run}/steps/{lost.id}/outcome"
    for _ in range(2):
        answer = client.post(path, headers=headers, json={"happened": True, "comment": "seen"})
        assert (answer.status_code, answer.json) == (
            200,
            {"id": lost.id, "outsideEffect": "happened"},
        )
    refused = client.post(path, headers=headers, json={"happened": False})
    assert refused.status_code == 409
    assert refused.json["error"]["code"] == "already_answered"
    assert refused.json["error"]["details"][0]["message"] == "happened"
    shown = client.get(run, headers=headers).json
    assert shown["stageRuns"][0]["stepRuns"][0]["outsideEffect"] == "happened"
    (event,) = shown["events"]
    assert (event["actor"], event["message"]) == ("superuser", "said that it happened: seen")
    assert event["stepRunId"] == lost.id


def test_an_outcome_that_is_known_is_not_asked_for(client, world, people):
    step = world.ended_run(type="Deploy")
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/outcome"
    headers = people.superuser.headers()
    refused = client.post(path, headers=headers, json={"happened": True})
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "not_waiting")
    assert client.post(path, headers=headers, json={}).status_code == 422

"""What people and scripts decide about a run: approvals, and steps completed from outside."""

import pytest

from domain.access import USER
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

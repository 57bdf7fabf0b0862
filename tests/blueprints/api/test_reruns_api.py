"""POST /api/workflowruns/{id}/rerun."""

from dataclasses import replace

import pytest

from domain.models import Release, Run, StepRun, Workflow, WorkflowRevision
from tests.support.world import World


@pytest.fixture
def world(app, project):
    return World(app, project)


@pytest.fixture
def send(client, people):
    def send(run_id: str, body: object = None, **headers: str):
        headers = {**people.superuser.headers(), **headers}
        return client.post(f"/api/workflowruns/{run_id}/rerun", headers=headers, json=body)

    return send


def test_a_rerun_answers_as_a_start_and_names_what_it_repeats(client, people, world, send):
    old = world.ended_run()
    answer = send(old.run_id, {"from": "failed", "definition": "current"})
    run_id = answer.json["runId"]
    assert (answer.status_code, answer.json["status"]) == (201, "Pending")
    assert answer.headers["Location"] == f"/api/workflowruns/{run_id}"
    shown = client.get(answer.headers["Location"], headers=people.user.headers()).json
    assert (shown["rerunOf"], shown["triggerSource"]) == (old.run_id, "rerun")
    assert (shown["number"], shown["triggeredBy"]) == (2, "superuser")
    assert shown["stageRuns"][0]["stepRuns"][0]["keptFrom"] is None


def test_without_a_body_everything_runs_again_as_it_was(world, send):
    old = world.ended_run(status="Succeeded")
    Run.update(status="Succeeded").execute()
    Workflow.update(revision=7).execute()
    answer = send(old.run_id)
    assert answer.status_code == 201
    assert Run.get_by_id(answer.json["runId"]).revision == 1


def test_an_idempotency_key_runs_it_again_once(world, send):
    old = world.ended_run()
    first = send(old.run_id, {}, **{"Idempotency-Key": "k1"})
    second = send(old.run_id, {}, **{"Idempotency-Key": "k1"})
    assert (second.status_code, second.json) == (201, first.json)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Run.select().count() == 2
    other = send(old.run_id, {"from": "failed"}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json["error"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"from": "middle"}, ["/from"]),
        ({"definition": "old"}, ["/definition"]),
        ({"whence": "start", "parameters": {}}, ["/parameters", "/whence"]),
    ],
)
def test_a_wrong_choice_is_named(world, send, body, fields):
    answer = send(world.ended_run().run_id, body)
    assert answer.status_code == 422
    assert sorted(d["field"] for d in answer.json["error"]["details"]) == fields


def test_why_a_run_is_not_run_again_is_said_by_code(world, send):
    assert refusal(send(world.run().run_id)) == "run_in_progress"
    succeeded = world.ended_run(status="Succeeded")
    Run.update(status="Succeeded").where(Run.id == succeeded.run_id).execute()
    assert refusal(send(succeeded.run_id, {"from": "failed"})) == "nothing_failed"
    unknown = world.ended_run(type="Deploy", outside_effect="unknown")
    assert refusal(send(unknown.run_id, {"from": "failed"})) == "outcome_unknown"
    kept = world.ended_run(status="Succeeded", release_id=world.release().id)
    Release.delete().execute()
    assert refusal(send(kept.run_id, {"from": "failed"})) == "release_damaged"
    Workflow.update(is_enabled=False).execute()
    assert refusal(send(unknown.run_id)) == "workflow_disabled"
    Workflow.update(deleted_at=1).execute()
    assert refusal(send(unknown.run_id)) == "workflow_deleted"
    assert StepRun.select().count() == 4


def test_parameters_that_do_not_fit_any_more_are_a_conflict(app, world, send):
    old = world.ended_run()
    revision = WorkflowRevision.get()
    declared = [{"name": "size", "type": "number", "required": True, "default": None}]
    definition = {**revision.definition, "parameters": [{**declared[0], "choices": None}]}
    WorkflowRevision.create(
        workflow=revision.workflow_id, number=2, definition=definition, created_by="test"
    )
    Workflow.update(revision=2).execute()
    assert send(old.run_id).status_code == 201
    answer = send(old.run_id, {"definition": "current"})
    assert refusal(answer) == "parameters_do_not_fit"
    assert [d["field"] for d in answer.json["error"]["details"]] == ["/definition"]


def test_an_altered_run_is_a_conflict(world, send):
    old = world.ended_run()
    Run.update(parameters={"version": "6.6.6"}).execute()
    answer = send(old.run_id)
    assert refusal(answer) == "run_altered"
    assert [d["stepRunId"] for d in answer.json["error"]["details"]] == [old.id]


def test_a_storage_that_cannot_be_used_is_503_and_only_where_it_is_needed(app, world, send):
    release = world.release()
    world.package(release)
    old = world.ended_run(status="Succeeded", release_id=release.id)
    app.config["GALLEY"] = replace(app.config["GALLEY"], storage_url="nonsense://bucket")
    answer = send(old.run_id, {"from": "failed"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "storage_unavailable")
    assert "GALLEY_STORAGE_URL cannot be used" in answer.json["error"]["message"]
    assert send(old.run_id).status_code == 201


def refusal(answer) -> str:
    assert answer.status_code == 409, answer.json
    return answer.json["error"]["code"]

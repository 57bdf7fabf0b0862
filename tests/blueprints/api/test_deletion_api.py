"""DELETE of a run and of a release, as scripts see it."""

import pytest

from domain.logs.files import log_path
from domain.models import Deployment, Package, Release, Run, StepRun
from domain.runs import lost_deployments
from tests.support.world import World


@pytest.fixture
def world(app, project):
    return World(app, project)


@pytest.fixture
def delete(client, people):
    def delete(path: str, who: str = "admin"):
        return client.delete(path, headers=getattr(people, who).headers())

    return delete


def refusal(answer) -> tuple[str, list[dict[str, object]]]:
    assert answer.status_code == 409, answer.json
    return answer.json["error"]["code"], answer.json["error"]["details"]


def test_a_run_is_gone_for_every_call_and_its_log_from_the_disk(client, people, world, delete):
    step = world.ended_run(type="Test")
    world.test_result(step)
    log = log_path(world.settings.data_dir, step.run_id, step.id, 1)
    log.parent.mkdir(parents=True)
    log.write_text("quack\n")
    path = f"/api/workflowruns/{step.run_id}"
    answer = delete(path, "superuser")
    assert (answer.status_code, answer.data) == (204, b"")
    for address in (path, f"{path}/steps/{step.id}", f"{path}/steps/{step.id}/logs"):
        assert client.get(address, headers=people.user.headers()).status_code == 404
    assert delete(path).status_code == 404
    assert not log.parent.exists()


def test_what_a_run_released_and_deployed_is_still_there(client, people, world, delete):
    step = world.ended_run()
    release, place = world.release(), world.environment()
    package = world.package(release, "a.txt", b"quack")
    Release.update(run_id=step.run_id).where(Release.id == release.id).execute()
    deployment = world.deployment(place)
    Deployment.update(run_id=step.run_id, release=release, sha256=package.sha256).execute()
    assert delete(f"/api/workflowruns/{step.run_id}").status_code == 204
    headers = people.user.headers()
    shown = client.get(f"/api/releases/{release.id}", headers=headers).json
    assert shown["runId"] == step.run_id
    path = f"/api/releases/{release.id}/packages/a.txt"
    assert client.get(path, headers=headers, buffered=True).data == b"quack"
    path = f"/api/projects/pond/environments/{place.name}"
    assert client.get(path, headers=headers).json["deployed"]["id"] == deployment.id
    listed = client.get(f"{path}/deployments", headers=headers).json["items"]
    assert [item["runId"] for item in listed] == [step.run_id]


def test_why_a_run_stays_is_said_with_the_state(world, delete):
    running = world.run()
    code, details = refusal(delete(f"/api/workflowruns/{running.run_id}"))
    assert (code, details[0]["message"]) == ("run_in_progress", "Pending")
    unknown = world.ended_run(type="Deploy", outside_effect="unknown")
    code, details = refusal(delete(f"/api/workflowruns/{unknown.run_id}"))
    assert (code, details[0]["stepRunId"]) == ("outcome_unknown", unknown.id)
    kept, keeper = world.ended_run(), world.run()
    StepRun.update(kept_from=kept.id).where(StepRun.id == keeper.id).execute()
    code, details = refusal(delete(f"/api/workflowruns/{kept.run_id}"))
    assert (code, details[0]["runId"]) == ("kept_by_reruns", keeper.run_id)
    assert Run.select().count() == 4


def test_a_run_that_goes_while_somebody_speaks_of_it_is_not_found(
    client, people, world, delete, monkeypatch
):
    step = world.ended_run(type="Deploy", outside_effect="unknown")
    answer = lost_deployments.answer

    def answer_and_be_overtaken(*arguments, **named):
        answer(*arguments, **named)
        assert delete(f"/api/workflowruns/{step.run_id}").status_code == 204

    monkeypatch.setattr(lost_deployments, "answer", answer_and_be_overtaken)
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/outcome"
    answered = client.post(path, headers=people.superuser.headers(), json={"happened": True})
    assert (answered.status_code, answered.json["error"]["code"]) == (404, "not_found")


def test_a_release_is_gone_for_every_call(client, people, world, delete):
    release = world.release()
    package = world.package(release, "a.txt")
    assert delete(f"/api/releases/{release.id}", "superuser").status_code == 403
    assert delete(f"/api/releases/{release.id}").status_code == 204
    headers = people.user.headers()
    for path in ("", "/packages/a.txt"):
        assert client.get(f"/api/releases/{release.id}{path}", headers=headers).status_code == 404
    listed = client.get(f"/api/ingredients/{release.ingredient_id}/releases", headers=headers)
    assert listed.json["items"] == []
    assert delete(f"/api/releases/{release.id}").status_code == 404
    assert not Package.select().where(Package.id == package.id).exists()


def test_why_a_release_stays_is_said_with_the_state(world, delete):
    release, place = world.release(), world.environment()
    deployment = world.deployment(place)
    Deployment.update(release=release).execute()
    step = world.run(release_id=release.id)
    code, details = refusal(delete(f"/api/releases/{release.id}"))
    assert code == "release_in_use"
    assert [(d["code"], d["runId"]) for d in details] == [
        ("deployed", deployment.run_id),
        ("run_in_progress", step.run_id),
    ]
    assert details[0]["environment"] == place.name
    assert Release.get_by_id(release.id)

"""PUT /api/workflowruns/{runId}/steps/{stepRunId}/tests/{testId}/review."""

import pytest

from domain.models import AuditEvent, Run, StepRun, TestResult
from tests.support.world import World


@pytest.fixture
def world(app, project):
    return World(app, project)


@pytest.fixture
def step(world) -> StepRun:
    return world.run(type="Test")


@pytest.fixture
def send(client, people):
    def send(step: StepRun, test_id: str, body: object, who: str = "superuser"):
        path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/tests/{test_id}/review"
        return client.put(path, headers=getattr(people, who).headers(), json=body)

    return send


def test_a_review_is_kept_with_who_said_it_and_when(client, people, world, step, send):
    failed = world.test_result(step, "Fail")
    other = world.test_result(step)
    version = Run.get_by_id(step.run_id).version
    answer = send(step, failed, {"status": "Waived", "comment": "known, see #7"})
    assert answer.status_code == 200
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/tests"
    items = {i["id"]: i for i in client.get(path, headers=people.user.headers()).json["items"]}
    assert items[failed] == answer.json
    shown = answer.json
    assert (shown["reviewStatus"], shown["comment"]) == ("Waived", "known, see #7")
    assert (shown["reviewedBy"], shown["result"]) == ("superuser", "Fail")
    assert shown["reviewedAt"].endswith("Z")
    untouched = items[other]
    assert (untouched["reviewStatus"], untouched["reviewedBy"], untouched["reviewedAt"]) == (
        "NotReviewed",
        None,
        None,
    )
    assert Run.get_by_id(step.run_id).version == version + 1
    event = AuditEvent.get(AuditEvent.action == "review")
    assert (event.actor, event.object_id, event.project_id) == ("superuser", failed, "pond")
    assert (event.detail["status"], event.detail["runId"]) == ("Waived", step.run_id)


def test_a_later_review_replaces_the_earlier_one(world, step, send):
    test_id = world.test_result(step)
    send(step, test_id, {"status": "Approved", "comment": "fine"})
    answer = send(step, test_id, {"status": "Rejected"}, who="admin")
    assert (answer.json["reviewStatus"], answer.json["comment"]) == ("Rejected", "")
    assert answer.json["reviewedBy"] == "admin"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "/status", "required"),
        ({"status": "NotReviewed"}, "/status", "unknown_value"),
        ({"status": "Approved", "comment": "x" * 10_001}, "/comment", "too_long"),
        ({"status": "Approved", "by": "me"}, "/by", "unknown_field"),
    ],
)
def test_a_review_that_says_nothing_of_use_is_refused(world, step, send, body, field, code):
    test_id = world.test_result(step)
    answer = send(step, test_id, body)
    assert answer.status_code == 422
    (fault,) = answer.json["error"]["details"]
    assert (fault["field"], fault["code"]) == (field, code)
    assert TestResult.get_by_id(test_id).review_status == "NotReviewed"


def test_a_test_that_the_step_does_not_show_is_not_found(world, step, send):
    elsewhere = world.test_result(world.run(type="Test"))
    StepRun.update(attempt=2).where(StepRun.id == step.id).execute()
    of_first_attempt = world.test_result(step, attempt=1)
    for test_id in (elsewhere, of_first_attempt, "0" * 24, "x"):
        assert send(step, test_id, {"status": "Approved"}).status_code == 404
    assert not TestResult.select().where(TestResult.review_status != "NotReviewed").exists()
    assert not AuditEvent.select().where(AuditEvent.action == "review").exists()


def test_who_may_only_read_reviews_nothing(world, step, send):
    test_id = world.test_result(step)
    assert send(step, test_id, {"status": "Approved"}, who="user").status_code == 403
    assert send(step, test_id, {"status": "Approved"}, who="stranger").status_code == 404

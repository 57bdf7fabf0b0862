"""POST /api/workflows/validate."""

from typing import Any

import pytest

from domain.models import (
    AuditEvent,
    Ingredient,
    Run,
    StepRun,
    Workflow,
    WorkflowRevision,
    db,
    write,
)
from tests.support.world import World

BUILD = {
    "name": "compile",
    "type": "Build",
    "configuration": {"ingredientId": "duck", "buildScript": "make"},
}


@pytest.fixture
def world(app, project):
    return World(app, project)


def body(**fields: Any) -> dict[str, Any]:
    stages = [{"name": "build", "order": 1, "steps": [BUILD]}]
    return {"name": "Release", "projectId": "pond", "stages": stages, **fields}


@pytest.fixture
def ask(client, people):
    def ask(sent: Any, query: str = "", who: str = "user", scope: str = "read", **more: Any):
        headers = getattr(people, who).headers(scope)
        given = {"json": sent} if not isinstance(sent, bytes) else {"data": sent}
        kind = {"content_type": "application/json"} if isinstance(sent, bytes) else {}
        return client.post(
            f"/api/workflows/validate{query}", headers=headers, **given, **kind, **more
        )

    return ask


@pytest.fixture
def create(client, people):
    def create(**fields: Any) -> dict[str, Any]:
        answer = client.post(
            "/api/workflows", headers=people.superuser.headers(), json=body(**fields)
        )
        assert answer.status_code == 201, answer.json
        return answer.json

    return create


def faults(listed: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in listed]


def test_a_good_definition_is_valid_and_planned_and_nothing_is_stored(ask):
    with write():
        Ingredient.create(id="duck", project="pond", name="Duck", created_by="test")
    answer = ask(body())
    assert answer.status_code == 200
    assert answer.json == {
        "valid": True,
        "errors": [],
        "warnings": [],
        "plan": [
            {
                **{"stage": "build", "name": "compile", "type": "Build", "ingredientId": "duck"},
                **{"testSuite": None, "releases": [], "target": None, "driver": None},
                **{"artifactPath": None, "durationMs": None},
            }
        ],
    }
    for rows in (Workflow.select(), WorkflowRevision.select()):
        assert not rows.exists()
    assert not AuditEvent.select().where(AuditEvent.object_kind == "workflow").exists()


def test_what_is_missing_in_the_project_is_a_warning(ask):
    answer = ask(body()).json
    assert (answer["valid"], answer["errors"]) == (True, [])
    assert faults(answer["warnings"]) == [
        ("/stages/0/steps/0/configuration/ingredientId", "unknown_ingredient")
    ]
    assert len(answer["plan"]) == 1


def test_the_errors_are_those_that_a_create_would_be_refused_for(ask, client, people):
    wrong = body(name="", concurrency=0, color="red")
    wrong["stages"][0]["steps"] = [BUILD, {"name": "compile", "type": "Swim"}]
    answer = ask(wrong).json
    assert (answer["valid"], answer["plan"], answer["warnings"]) == (False, [], [])
    refused = client.post("/api/workflows", headers=people.superuser.headers(), json=wrong)
    assert refused.status_code == 422
    assert answer["errors"] == refused.json["error"]["details"]
    assert len(answer["errors"]) == 5


@pytest.mark.parametrize("sent", [{}, {"stages": 7}, body(projectId=None), body(name="a\0b")])
def test_whatever_object_is_sent_is_answered(ask, sent):
    answer = ask(sent)
    assert answer.status_code == 200
    assert not answer.json["valid"]
    assert answer.json["errors"]


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"null", b'{"name": NaN}'])
def test_what_is_no_object_is_malformed(ask, sent):
    answer = ask(sent)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed_json")


def test_of_thousands_of_faults_the_first_thousand_are_told(ask):
    answer = ask({f"x{n}": 1 for n in range(3000)})
    assert len(answer.json["errors"]) == 1000


def test_a_name_that_is_taken_is_an_error_and_the_plan_is_there_all_the_same(ask, create):
    create(name="Nightly")
    answer = ask(body(name=" NIGHTLY ")).json
    assert (answer["valid"], faults(answer["errors"])) == (False, [("/name", "duplicate_name")])
    assert len(answer["plan"]) == 1


def test_the_workflow_that_is_edited_may_keep_its_name_but_not_take_another_ones(ask, create):
    create(name="Nightly")
    made = create()
    query = f"?workflowId={made['id']}"
    assert ask(made, query).json["valid"]
    assert faults(ask({**made, "name": "nightly"}, query).json["errors"]) == [
        ("/name", "duplicate_name")
    ]
    assert faults(ask(made).json["errors"])  # as a new one it may not bring ids


def test_an_edit_is_held_against_the_rules_of_an_edit(ask, create):
    made, other = create(), create(name="Other")
    query = f"?workflowId={made['id']}"
    moved = {**made, "projectId": "elsewhere"}
    assert ask(moved, query).status_code == 404  # a project that the caller may not know of
    foreign = {**made, "stages": other["stages"]}
    assert {fault["code"] for fault in ask(foreign, query).json["errors"]} == {"unknown_id"}
    assert Workflow.get_by_id(made["id"]).revision == 1


def test_an_edit_of_what_is_not_there_is_not_found(ask, create):
    made = create()
    assert ask(made, "?workflowId=" + "0" * 24).status_code == 404
    assert ask(made, f"?workflowId={made['id']}", who="stranger").status_code == 404


def test_who_may_not_read_the_project_learns_nothing_of_it(ask):
    assert ask(body(), who="stranger").status_code == 404
    assert ask(body(projectId="nowhere"), who="sysadmin").status_code == 404


def test_a_session_needs_its_csrf_token_here_too(people, client):
    browser = people.user.browser()
    assert browser.post("/api/workflows/validate", json=body()).status_code == 200
    del browser.environ_base["HTTP_X_CSRFTOKEN"]
    refused = browser.post("/api/workflows/validate", json=body())
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "csrf_failed")


def test_the_plan_tells_how_long_steps_of_that_name_took_before(ask, create, world):
    made = create()
    for number, (status, took) in enumerate(
        [("Succeeded", 100), ("Failed", 300), ("Succeeded", 200), ("Cancelled", 9_000)], 1
    ):
        step = world.run(name="compile", status=status, started_at=1_000, completed_at=1_000 + took)
        ended = "Cancelled" if status == "Cancelled" else status
        Run.update(workflow=made["id"], number=number, status=ended, completed_at=5).where(
            Run.id == step.run_id
        ).execute()
    assert StepRun.select().count() == 4
    for sent, query in ((body(), ""), (body(name="New name"), f"?workflowId={made['id']}")):
        (step,) = ask(sent, query).json["plan"]
        assert step["durationMs"] == 200
    (step,) = ask(body(name="Other")).json["plan"]
    assert step["durationMs"] is None
    Workflow.update(deleted_at=1).execute()
    (step,) = ask(body()).json["plan"]
    assert step["durationMs"] is None
    assert not db.in_transaction()

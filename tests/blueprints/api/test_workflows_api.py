"""/api/workflows as a script sees it: the calls, their answers and errors."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain import models
from domain.clock import rfc3339
from domain.models import Ingredient, Run, StepRun, StepSpec, Workflow, WorkflowRevision, write
from tests.support.people import People


@dataclass
class Caller:
    """Sends JSON with a token."""

    client: FlaskClient
    headers: dict[str, str]

    def __call__(self, method: str, path: str = "", **more: Any) -> TestResponse:
        headers = self.headers | more.pop("headers", {})
        return self.client.open(f"/api/workflows{path}", method=method, headers=headers, **more)


@pytest.fixture
def call(client: FlaskClient, people: People) -> Caller:
    """The superuser of the project pond."""
    return Caller(client, people.superuser.headers())


def body(name: str = "Release", **fields: Any) -> dict[str, Any]:
    """The least that makes a workflow."""
    return {
        "name": name,
        "projectId": "pond",
        "description": "",
        "stages": [
            {
                "name": "build",
                "order": 1,
                "steps": [
                    {
                        "name": "compile",
                        "type": "Build",
                        "configuration": {"ingredientId": "duck", "buildScript": "make"},
                    }
                ],
            }
        ],
        **fields,
    }


def created(call: Caller, **fields: Any) -> dict[str, Any]:
    answer = call("POST", json=body(**fields))
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def make_duck() -> None:
    with write():
        Ingredient.create(id="duck", project="pond", name="Duck", created_by="test")


def error(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    return answer.get_json()["error"]


def fields(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(detail["field"], detail["code"]) for detail in found["details"]]


# ---- create, get -----------------------------------------------------------------------------


def test_create_answers_with_the_workflow_its_address_and_its_etag(call: Caller) -> None:
    answer = call("POST", json=body(description="weekly"))
    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/workflows/{made['id']}"
    again = call("GET", f"/{made['id']}")
    assert again.get_json() == made
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert not answer.headers["ETag"].startswith("W/")
    assert list(made) == [
        *("id", "name", "projectId", "description", "isEnabled", "revision"),
        *("createdAt", "createdBy", "updatedAt", "updatedBy"),
        *("parameters", "concurrency", "stages", "warnings"),
    ]
    assert (made["description"], made["revision"], made["isEnabled"]) == ("weekly", 1, True)
    assert (made["createdBy"], made["createdAt"]) == ("superuser", made["updatedAt"])


def test_stages_come_sorted_with_ids_and_defaults(call: Caller) -> None:
    second, first = body()["stages"][0], body()["stages"][0] | {"name": "prepare", "order": -1}
    first["steps"] = [first["steps"][0] | {"name": "fetch"}]
    stages = created(call, stages=[second, first])["stages"]
    assert [stage["name"] for stage in stages] == ["prepare", "build"]
    assert (
        stages[0]["steps"][0].items()
        >= {
            "name": "fetch",
            "timeoutSeconds": 3600,
            "retries": 0,
            "queue": "default",
        }.items()
    )
    assert len({part["id"] for stage in stages for part in (stage, *stage["steps"])}) == 4


def test_what_does_not_exist_yet_is_a_warning_and_changes_the_etag_when_it_does(
    call: Caller,
) -> None:
    made = created(call)
    assert [(w["field"], w["code"]) for w in made["warnings"]] == [
        ("/stages/0/steps/0/configuration/ingredientId", "unknown_ingredient")
    ]
    before = call("GET", f"/{made['id']}").headers["ETag"]
    make_duck()
    after = call("GET", f"/{made['id']}", headers={"If-None-Match": before})
    assert after.status_code == 200
    assert after.get_json()["warnings"] == []
    saved = call("PUT", f"/{made['id']}", json=body(), headers={"If-Match": before})
    assert saved.status_code == 200


def test_what_has_not_changed_is_not_sent_again(call: Caller) -> None:
    made = call("POST", json=body())
    address = f"/{made.get_json()['id']}"
    same = call("GET", address, headers={"If-None-Match": made.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    call("PUT", address, json=body(description="new"))
    changed = call("GET", address, headers={"If-None-Match": made.headers["ETag"]})
    assert changed.status_code == 200


def test_every_fault_of_a_body_comes_in_one_answer(call: Caller) -> None:
    bad = body(name=" ", color="red", isEnabled="yes")
    bad["stages"][0]["steps"] *= 2
    bad["stages"][0]["steps"].append({"name": "x", "type": "Test", "configuration": {}})
    found = error(call("POST", json=bad), 422, "validation_failed")
    assert fields(found) == [
        ("/color", "unknown_field"),
        ("/isEnabled", "invalid_type"),
        ("/name", "required"),
        ("/stages/0/steps/1/name", "duplicate_name"),
        ("/stages/0/steps/2/configuration/testSuite", "required"),
    ]
    assert Workflow.select().count() == 0


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400, "malformed_json"),
        ({"json": []}, 400, "malformed_json"),
        ({"data": b"{}", "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"json": {"name": "x" * 2**20}}, 413, "body_too_large"),
        ({"json": {}}, 422, "validation_failed"),
        ({"json": body(name="a\0b")}, 422, "validation_failed"),
        ({"json": body(projectId=["pond"])}, 422, "validation_failed"),
        ({"json": body(projectId="nowhere")}, 404, "not_found"),
    ],
)
def test_a_bad_request_makes_nothing(
    call: Caller, sent: dict[str, Any], status: int, code: str
) -> None:
    error(call("POST", **sent), status, code)
    assert Workflow.select().count() == 0


def test_a_name_that_is_taken_is_a_conflict(call: Caller) -> None:
    made = created(call, name="Nightly")
    other = created(call, name="Other")
    assert fields(error(call("POST", json=body("NIGHTLY")), 409, "duplicate_name")) == [
        ("/name", "duplicate_name")
    ]
    error(call("PUT", f"/{other['id']}", json=body("nightly")), 409, "duplicate_name")
    assert call("PUT", f"/{made['id']}", json=body("NIGHTLY")).status_code == 200


def test_a_create_that_is_sent_again_makes_one_workflow(call: Caller) -> None:
    keyed = {"Idempotency-Key": "one"}
    first = call("POST", json=body(), headers=keyed)
    again = call("POST", json=body(), headers=keyed)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    error(call("POST", json=body("Other"), headers=keyed), 422, "idempotency_key_reused")
    assert Workflow.select().count() == 1


def test_a_create_that_failed_may_be_mended_under_the_same_key(call: Caller) -> None:
    keyed = {"Idempotency-Key": "one"}
    assert call("POST", json=body(name=""), headers=keyed).status_code == 422
    assert call("POST", json=body(), headers=keyed).status_code == 201


# ---- change ----------------------------------------------------------------------------------


def test_what_a_get_gave_can_be_changed_and_put_back(call: Caller) -> None:
    made = created(call)
    got = call("GET", f"/{made['id']}")
    sent = got.get_json() | {"description": "new"}
    saved = call("PUT", f"/{made['id']}", json=sent, headers={"If-Match": got.headers["ETag"]})
    assert saved.status_code == 200
    new = saved.get_json()
    assert (new["revision"], new["description"], new["stages"]) == (2, "new", made["stages"])
    assert (new["createdAt"], new["isEnabled"]) == (made["createdAt"], True)
    assert call("GET", f"/{made['id']}").headers["ETag"] == saved.headers["ETag"]


def test_a_put_with_an_old_etag_is_told_who_was_first(
    call: Caller, client: FlaskClient, people: People
) -> None:
    made = call("POST", json=body())
    address, old = f"/{made.get_json()['id']}", {"If-Match": made.headers["ETag"]}
    other = Caller(client, people.admin.headers())("PUT", address, json=body(description="mine"))
    for answer in (
        call("PUT", address, json=body(description="yours"), headers=old),
        call("DELETE", address, headers=old),
    ):
        found = error(answer, 412, "stale_revision")
        assert found["message"].startswith("admin changed this workflow meanwhile")
        assert (found["currentRevision"], found["updatedBy"]) == (2, "admin")
        assert found["updatedAt"] == other.get_json()["updatedAt"]
    assert call("GET", address).get_json()["description"] == "mine"


@pytest.mark.parametrize("tag", ["nonsense", '"nonsense"', '"0-1-2-3"', '""', '"a", W/"b-c"'])
def test_an_if_match_that_is_none_of_ours_accuses_nobody(call: Caller, tag: str) -> None:
    made = created(call)
    answer = call("PUT", f"/{made['id']}", json=body(), headers={"If-Match": tag})
    found = error(answer, 412, "stale_revision")
    assert found["message"] == (
        "If-Match names no version of this workflow; it is now at revision 1."
    )
    assert (found["currentRevision"], found["updatedAt"]) == (1, made["updatedAt"])


@pytest.mark.parametrize("suffix", ["-gzip", "-br", ";gzip"])
def test_a_tag_that_a_proxy_has_marked_as_compressed_still_fits(call: Caller, suffix: str) -> None:
    made = call("POST", json=body())
    tag = {"If-Match": f'{made.headers["ETag"][:-1]}{suffix}"'}
    address = f"/{made.get_json()['id']}"
    assert call("PUT", address, json=body(), headers=tag).status_code == 200
    error(call("PUT", address, json=body(), headers=tag), 412, "stale_revision")


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
def test_every_form_of_a_fitting_if_match_is_taken(call: Caller, form: str) -> None:
    made = call("POST", json=body())
    tag = {"If-Match": form.format(made.headers["ETag"])}
    assert call("PUT", f"/{made.get_json()['id']}", json=body(), headers=tag).status_code == 200


def test_if_match_with_a_star_fits_whatever_is_there(call: Caller) -> None:
    address = f"/{created(call)['id']}"
    assert call("PUT", address, json=body(), headers={"If-Match": "*"}).status_code == 200


def test_a_workflow_stays_in_its_project(call: Caller) -> None:
    address = f"/{created(call)['id']}"
    found = error(call("PUT", address, json=body(projectId="elsewhere")), 422, "validation_failed")
    assert fields(found) == [("/projectId", "cannot_change")]
    without = {key: value for key, value in body().items() if key != "projectId"}
    assert call("PUT", address, json=without).status_code == 200


def test_an_id_from_elsewhere_is_refused(call: Caller) -> None:
    stages = created(call)["stages"]
    other = created(call, name="Other")
    found = error(
        call("PUT", f"/{other['id']}", json=body("Other", stages=stages)), 422, "validation_failed"
    )
    assert fields(found) == [
        ("/stages/0/id", "unknown_id"),
        ("/stages/0/steps/0/id", "unknown_id"),
    ]


def test_the_switch_stays_unless_it_is_sent(call: Caller) -> None:
    address = f"/{created(call, isEnabled=False)['id']}"
    assert call("PUT", address, json=body()).get_json()["isEnabled"] is False
    assert call("PUT", address, json=body(isEnabled=True)).get_json()["isEnabled"] is True


def test_an_old_revision_can_be_read_and_restored(call: Caller) -> None:
    made = created(call, description="first")
    address = f"/{made['id']}"
    stage = body()["stages"][0] | {"name": "other"}
    call("PUT", address, json=body(description="second", stages=[stage]))
    listed = call("GET", f"{address}/revisions").get_json()
    assert [item["revision"] for item in listed["items"]] == [2, 1]
    assert (listed["totalCount"], listed["items"][0]["createdBy"]) == (2, "superuser")
    assert listed["items"][0]["comment"] == ""
    old = call("GET", f"{address}/revisions/1").get_json()
    assert (old["revision"], old["definition"]["description"]) == (1, "first")
    restored = call("PUT", address, json=old["definition"]).get_json()
    assert (restored["revision"], restored["stages"]) == (3, made["stages"])


@pytest.mark.parametrize("number", ["0", "2", "99999999999999999999", "-1", "x"])
def test_a_revision_that_never_was_is_not_found(call: Caller, number: str) -> None:
    error(call("GET", f"/{created(call)['id']}/revisions/{number}"), 404, "not_found")


# ---- delete ----------------------------------------------------------------------------------


def test_a_deleted_workflow_is_gone_for_every_call(call: Caller) -> None:
    address = f"/{created(call)['id']}"
    answer = call("DELETE", address)
    assert (answer.status_code, answer.data) == (204, b"")
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/metadata"),
        ("POST", "/runs"),
        ("GET", "/revisions"),
    ):
        sent = {"json": body()} if method == "PUT" else {}
        error(call(method, address + path, **sent), 404, "not_found")
    assert call("GET").get_json()["totalCount"] == 0
    assert created(call)["id"]


def test_a_workflow_with_a_run_in_progress_stays(call: Caller) -> None:
    make_duck()
    address = f"/{created(call)['id']}"
    run_id = call("POST", f"{address}/runs").get_json()["runId"]
    found = error(call("DELETE", address), 409, "workflow_has_active_runs")
    assert [(run["runId"], run["status"]) for run in found["details"]] == [(run_id, "Pending")]
    assert call("GET", address).status_code == 200


# ---- list ------------------------------------------------------------------------------------


def test_the_list_has_one_item_for_each_workflow(call: Caller) -> None:
    make_duck()
    made = created(call, description="weekly")
    run_id = call("POST", f"/{made['id']}/runs").get_json()["runId"]
    created(call, name="Nightly")
    assert call("GET").get_json() == {
        "items": [
            {
                **{"id": item["id"], "name": item["name"], "projectId": "pond"},
                **{"isEnabled": True, "stageCount": 1, "description": item["description"]},
                **{"revision": 1, "updatedAt": item["updatedAt"], "lastRun": last},
            }
            for item, last in (
                (call("GET", "?search=night").get_json()["items"][0], None),
                (
                    made,
                    {"id": run_id, "number": 1, "status": "Pending", "completedAt": None},
                ),
            )
        ],
        "totalCount": 2,
        "page": 1,
        "pageSize": 50,
    }


def test_the_list_is_filtered_sorted_and_cut_into_pages(call: Caller) -> None:
    for name in ("b", "A", "c_%"):
        created(call, name=name, isEnabled=name != "A")

    def names(query: str) -> list[str]:
        return [item["name"] for item in call("GET", query).get_json()["items"]]

    assert names("") == ["A", "b", "c_%"]
    assert names("?sort=-name") == ["c_%", "b", "A"]
    assert names("?isEnabled=false") == ["A"]
    assert names("?search=_%25") == ["c_%"]
    assert names("?projectId=pond&pageSize=2&page=2") == ["c_%"]
    assert names("?page=9") == []
    assert call("GET", "?pageSize=2").get_json()["totalCount"] == 3


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?owner=me", 400, "unknown_query_parameter"),
        ("?sort=color", 422, "validation_failed"),
        ("?isEnabled=maybe", 422, "validation_failed"),
        ("?pageSize=0", 422, "validation_failed"),
        ("?pageSize=201", 422, "validation_failed"),
        ("?page=0", 422, "validation_failed"),
        ("?projectId=nowhere", 404, "not_found"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    call: Caller, query: str, status: int, code: str
) -> None:
    error(call("GET", query), status, code)


def test_everybody_sees_the_workflows_of_their_projects(
    call: Caller, client: FlaskClient, people: People
) -> None:
    made = created(call)
    seen = {}
    for name in ("stranger", "user", "admin", "sysadmin"):
        ask = Caller(client, getattr(people, name).headers("read"))
        seen[name] = ask("GET").get_json()["totalCount"]
    assert seen == {"stranger": 0, "user": 1, "admin": 1, "sysadmin": 1}
    stranger = Caller(client, people.stranger.headers())
    error(stranger("GET", "?projectId=pond"), 404, "not_found")
    error(stranger("POST", json=body()), 404, "not_found")
    error(stranger("DELETE", f"/{made['id']}"), 404, "not_found")


def test_who_may_only_read_is_told_so_before_what_is_wrong_with_the_body(
    call: Caller, client: FlaskClient, people: People
) -> None:
    made = created(call)
    user = Caller(client, people.user.headers())
    for answer in (
        user("POST", json=body(name="")),
        user("PUT", f"/{made['id']}", json={}),
        user("DELETE", f"/{made['id']}"),
        user("POST", f"/{made['id']}/runs"),
    ):
        found = error(answer, 403, "forbidden")
        assert (found["requiredRole"], found["yourRole"]) == ("SuperUser", "User")
    assert Run.select().count() == 0


def test_a_page_of_workflows_takes_the_same_number_of_queries_whatever_its_length(
    app: Flask, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_duck()
    executed: list[str] = []
    original = models.db.obj.execute_sql

    def count(sql: str, *more: Any, **named: Any) -> Any:
        executed.append(sql)
        return original(sql, *more, **named)

    def queries_of_a_list() -> int:
        executed.clear()
        assert call("GET").status_code == 200
        return len(executed)

    call("POST", f"/{created(call)['id']}/runs")
    monkeypatch.setattr(models.db.obj, "execute_sql", count)
    of_one = queries_of_a_list()
    for name in "abcde":
        call("POST", f"/{created(call, name=name)['id']}/runs")
    assert queries_of_a_list() == of_one > 0


# ---- metadata --------------------------------------------------------------------------------


def test_metadata_tells_about_the_workflow_and_its_runs(call: Caller) -> None:
    make_duck()
    made = created(call)
    run_id = call("POST", f"/{made['id']}/runs").get_json()["runId"]
    found = call("GET", f"/{made['id']}/metadata?days=1").get_json()
    assert (found["workflowId"], found["revision"], found["stepCount"]) == (made["id"], 1, 1)
    assert (found["runs"]["total"], found["runs"]["Pending"]) == (1, 1)
    assert (found["successRate"], found["lastRun"]["id"]) == (None, run_id)


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "3651", ""])
def test_days_must_be_a_number_of_days(call: Caller, days: str) -> None:
    answer = call("GET", f"/{created(call)['id']}/metadata?days={days}")
    assert fields(error(answer, 422, "validation_failed"))[0][0] == "/days"


# ---- start -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"json": {"parameters": {}}}])
def test_a_run_is_started_with_or_without_a_body(call: Caller, sent: dict[str, Any]) -> None:
    make_duck()
    answer = call("POST", f"/{created(call)['id']}/runs", **sent)
    assert answer.status_code == 201
    run = Run.get()
    assert answer.get_json() == {"runId": run.id, "status": "Pending"}
    assert answer.headers["Location"] == f"/api/workflowruns/{run.id}"
    assert (run.trigger_source, run.triggered_by, run.parameters) == ("api", "superuser", {})


def test_a_run_keeps_what_it_was_started_with(call: Caller) -> None:
    make_duck()
    made = created(call)
    sent = {"parameters": {"version": "1.2", "fast": True}, "triggerSource": "nightly.sh"}
    call("POST", f"/{made['id']}/runs", json=sent)
    changed = body()
    changed["stages"][0]["steps"][0]["configuration"]["buildScript"] = "other"
    call("PUT", f"/{made['id']}", json=changed)
    run = Run.get()
    assert (run.parameters, run.trigger_source) == (sent["parameters"], "nightly.sh")
    assert (run.revision, StepSpec.get().spec["script"]) == (1, "make")


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        ({"parameters": []}, [("/parameters", "invalid_type")]),
        ({"parameters": None}, [("/parameters", "invalid_type")]),
        ({"parameters": {"a": {}}}, [("/parameters/a", "invalid_type")]),
        ({"triggerSource": 1}, [("/triggerSource", "invalid_type")]),
        ({"triggerSource": "x" * 101}, [("/triggerSource", "too_long")]),
        ({"params": {}}, [("/params", "unknown_field")]),
    ],
)
def test_a_start_that_makes_no_sense_starts_nothing(
    call: Caller, sent: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    make_duck()
    answer = call("POST", f"/{created(call)['id']}/runs", json=sent)
    assert fields(error(answer, 422, "validation_failed")) == faults
    assert Run.select().count() == 0


def test_a_run_may_only_be_given_what_the_workflow_declares(call: Caller) -> None:
    make_duck()
    declared = [
        {"name": "version", "required": True},
        {"name": "level", "type": "number", "default": 3},
    ]
    address = f"/{created(call, parameters=declared)['id']}/runs"
    answer = call("POST", address, json={"parameters": {"level": "high", "color": "red"}})
    assert fields(error(answer, 422, "validation_failed")) == [
        ("/parameters/color", "unknown_parameter"),
        ("/parameters/version", "required"),
        ("/parameters/level", "invalid_type"),
    ]
    assert call("POST", address, json={"parameters": {"version": "1"}}).status_code == 201
    assert Run.get().parameters == {"version": "1", "level": 3}


def test_a_run_that_names_what_does_not_exist_is_not_started(call: Caller) -> None:
    answer = call("POST", f"/{created(call)['id']}/runs")
    assert fields(error(answer, 422, "validation_failed")) == [
        ("/stages/0/steps/0/configuration/ingredientId", "unknown_ingredient")
    ]
    assert Run.select().count() == 0


def test_a_workflow_that_is_switched_off_starts_nothing(call: Caller) -> None:
    make_duck()
    answer = call("POST", f"/{created(call, isEnabled=False)['id']}/runs")
    error(answer, 409, "workflow_disabled")


def test_a_start_that_is_sent_again_starts_one_run(call: Caller) -> None:
    make_duck()
    address = f"/{created(call)['id']}/runs"
    keyed = {"Idempotency-Key": "one"}
    first, again = (call("POST", address, headers=keyed) for _ in range(2))
    assert first.get_json() == again.get_json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Run.select().count() == 1
    error(call("POST", address, json={}, headers=keyed), 422, "idempotency_key_reused")


def test_times_are_rfc_3339_in_utc(call: Caller) -> None:
    made = created(call)
    row = WorkflowRevision.get()
    assert made["createdAt"] == rfc3339(row.created_at)
    assert made["createdAt"].endswith("Z")


def test_a_workflow_at_all_limits_can_be_saved_and_started(call: Caller) -> None:
    make_duck()
    stages = [
        {
            "name": f"stage {s}",
            "order": s,
            "steps": [body()["stages"][0]["steps"][0] | {"name": f"{s}/{n}"} for n in range(50)],
        }
        for s in range(50)
    ]
    made = created(call, stages=stages)
    assert len(made["stages"]) == 50
    assert call("POST", f"/{made['id']}/runs").status_code == 201
    assert StepRun.select().count() == 2500

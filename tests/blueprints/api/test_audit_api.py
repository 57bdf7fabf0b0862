"""Reading the audit over the API."""

import re

import pytest

from domain import pagination
from domain.accounts import users as people_rules
from domain.accounts.access import ADMIN, Actor
from domain.models import AuditEvent
from domain.projects import test_suites
from tests.support.world import World

ANN = Actor("1", "ann", is_system_admin=True, address="192.0.2.1")


@pytest.fixture
def ask(client, people):
    """Asks as somebody with a token that may only read; gives the answer."""

    def ask(who: str = "sysadmin", scope: str = "read", **query: str | int):
        headers = getattr(people, who).headers(scope)
        return client.get("/api/audit", query_string=query, headers=headers)

    return ask


@pytest.fixture
def change(project):
    """Something that can be found."""
    test_suites.put_test_suite(ANN, project, "unit", {"script": "make", "timeout_seconds": 5})


def actions(response) -> list[tuple[str, str]]:
    assert response.status_code == 200, response.text
    return [(item["action"], item["objectId"]) for item in response.json["items"]]


def test_an_event_says_who_did_what_to_what_when_and_from_where(ask, change):
    (item,) = ask(kind="test_suite").json["items"]
    row = AuditEvent.get(AuditEvent.object_kind == "test_suite")
    assert item.pop("at").endswith("Z")
    assert item == {
        "id": row.id,
        "actor": "ann",
        "action": "put",
        "objectKind": "test_suite",
        "objectId": "unit",
        "projectId": "pond",
        "detail": {
            "isNew": True,
            "changed": {"script": {}, "timeoutSeconds": {"from": None, "to": 5}},
        },
        "address": "192.0.2.1",
    }


@pytest.mark.parametrize("who", ["stranger", "user", "superuser", "admin"])
def test_all_of_it_is_for_system_admins_only(ask, who):
    refused = ask(who)
    assert refused.status_code == 403
    assert refused.json["error"]["code"] == "forbidden"
    assert refused.json["error"]["requiredRole"] == "System_Admin"


@pytest.mark.parametrize("scope", ["read", "write"])
@pytest.mark.parametrize(
    ("who", "status"),
    [("stranger", 404), ("user", 403), ("superuser", 403), ("admin", 200), ("sysadmin", 200)],
)
def test_the_admins_of_a_project_read_what_was_done_in_it(ask, change, who, status, scope):
    answer = ask(who, scope, projectId="pond")
    assert answer.status_code == status
    if status == 200:
        assert {item["projectId"] for item in answer.json["items"]} == {"pond"}
    if status == 403:
        assert answer.json["error"]["requiredRole"] == ADMIN


def test_an_admin_reads_nothing_of_other_projects(ask, change):
    assert ask("admin", projectId="elsewhere").status_code == 404
    assert ask("stranger", projectId="elsewhere").json["items"] == []


def test_a_project_that_does_not_exist_is_404_for_everybody(ask):
    assert ask(projectId="gone").status_code == 404


def test_filters_hold_together(ask, change):
    assert actions(ask(actor="ann")) == [("put", "unit")]
    assert actions(ask(actor="ann", action="put", kind="test_suite", objectId="unit")) != []
    assert actions(ask(actor="ann", action="delete")) == []
    assert actions(ask(actor="admin")) == []


def test_since_and_until_are_times_with_a_zone(ask, change):
    at = ask(actor="ann").json["items"][0]["at"]
    assert actions(ask(actor="ann", since=at)) == [("put", "unit")]
    assert actions(ask(actor="ann", until=at)) == []
    assert actions(ask(actor="ann", until="9999-12-31T23:59:59.999Z")) == [("put", "unit")]
    assert actions(ask(actor="ann", since="9999-12-31T23:59:59.999-01:00")) == []
    refused = ask(since="2026-01-31T12:00:00")
    assert refused.status_code == 422
    assert refused.json["error"]["details"][0]["field"] == "/since"


def test_the_cursor_goes_through_all_of_it_while_it_grows(ask, project):
    def put(name: str) -> None:
        test_suites.put_test_suite(ANN, project, name, {"script": "true"})

    for number in range(5):
        put(f"suite{number}")
    seen, cursor = [], {}
    while True:
        page = ask(projectId="pond", pageSize=2, **cursor).json
        seen += [item["objectId"] for item in page["items"]]
        put("another")
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert seen == [f"suite{number}" for number in (4, 3, 2, 1, 0)]


def test_the_total_is_counted_as_far_as_is_said(ask, change, monkeypatch):
    monkeypatch.setattr(pagination, "COUNTED_TO", 1)
    assert ask(pageSize=1).json["totalCount"] == 1


@pytest.mark.parametrize("query", ["actor=a&actor=b", "who=ann", "objectKind=run"])
def test_what_is_no_filter_is_refused(client, people, query):
    assert client.get(f"/api/audit?{query}", headers=people.sysadmin.headers()).status_code == 400


def test_what_somebody_does_over_the_api_is_found_with_their_address(
    ask, app, client, people, project
):
    step = World(app, project).run()
    headers = people.superuser.headers()
    client.post(f"/api/workflowruns/{step.run_id}/steps/{step.id}/abort", headers=headers)
    (item,) = ask("admin", projectId="pond", objectId=step.id).json["items"]
    assert (item["actor"], item["action"], item["address"]) == ("superuser", "abort", "127.0.0.1")
    assert item["detail"]["runId"] == step.run_id


def test_signing_in_and_out_is_found_with_the_address_and_without_a_password(ask, people):
    people_rules.set_password(ANN, "user", "correct horse")
    browser = people.stranger.browser()
    for password in ("hunter2hunter2", "correct horse"):
        browser.post("/login", data={"username": "user", "password": password})
    listed = ask(objectId="user", kind="user")
    assert [(i["actor"], i["action"], i["address"]) for i in listed.json["items"]] == [
        ("user", "sign_in", "127.0.0.1"),
        (None, "sign_in_failed", "127.0.0.1"),
        ("ann", "change_password", "192.0.2.1"),
    ]
    assert "hunter2" not in listed.text
    assert "correct horse" not in listed.text
    assert people.admin.browser().post("/logout").status_code == 303
    assert actions(ask(actor="admin", kind="user")) == [("sign_out", "admin")]


def test_who_was_not_signed_in_does_not_sign_out(ask, people):
    browser = people.user.browser()
    browser.post("/logout")
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login").text).group(1)
    again = browser.post("/logout", data={"csrf_token": token}, headers={"X-CSRFToken": token})
    assert again.status_code == 303
    assert actions(ask(action="sign_out")) == [("sign_out", "user")]

"""What HTTP itself promises: methods, links, other origins, bodies that nobody asked for."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from werkzeug.http import parse_options_header

from app import create_app
from tests.support.world import World

ELSEWHERE = "https://dash.example.com"


@pytest.fixture
def headers(people):
    return people.sysadmin.headers()


@pytest.fixture
def world(app, project):
    return World(app, project)


# ---- methods ----


def test_head_says_what_get_would_say_without_its_body(client, headers, project):
    shown = client.get("/api/projects/pond", headers=headers)
    head = client.head("/api/projects/pond", headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == shown.content_length


@pytest.mark.parametrize("who", ["nobody", "somebody"])
def test_options_says_which_methods_there_are(client, headers, who):
    response = client.options("/api/projects/pond", headers=headers if who == "somebody" else None)
    assert response.status_code == 200
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "PUT"}
    assert response.data == b""


def test_a_method_that_is_not_taken_is_told_with_those_that_are(client, headers):
    response = client.patch("/api/projects/pond", headers=headers)
    assert response.status_code == 405
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "PUT"}


# ---- bodies ----


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 202, None),
        (b"{}", 202, None),
        (b'{"force": true, "a/b": 1}', 422, "validation_failed"),
        (b"{{{", 400, "malformed_json"),
        (b"[]", 400, "malformed_json"),
    ],
)
def test_a_call_that_takes_no_body_ignores_none(client, headers, world, body, status, code):
    run = world.run()
    response = client.post(
        f"/api/workflowruns/{run.run_id}/abort",
        data=body,
        headers={**headers, "Content-Type": "application/json"},
    )
    assert response.status_code == status
    if code:
        assert response.json["error"]["code"] == code
    if status == 422:
        details = response.json["error"]["details"]
        assert [detail["field"] for detail in details] == ["/force", "/a~1b"]


def test_a_form_is_no_body_for_a_call_without_one(client, headers, world):
    run = world.run()
    path = f"/api/workflowruns/{run.run_id}/abort"
    response = client.post(path, data={"force": "1"}, headers=headers)
    assert response.status_code == 415


# ---- links ----


def links_of(response) -> dict[str, str]:
    found = {}
    for link in response.headers["Link"].split(", "):
        address, options = parse_options_header(link)
        found[options["rel"]] = address.strip("<>")
    return found


def test_the_links_of_a_list_lead_through_all_of_it(client, headers, world):
    names = [world.test_suite() for _ in range(5)]
    address = "/api/projects/pond/testsuites?pageSize=2"
    seen, steps = [], 0
    while address:
        response = client.get(address, headers=headers)
        seen += [item["name"] for item in response.json["items"]]
        links = links_of(response)
        assert links["first"].endswith("pageSize=2&page=1")
        assert links["last"].endswith("page=3")
        assert ("prev" in links) == (steps > 0)
        address, steps = links.get("next"), steps + 1
    assert sorted(seen) == sorted(names)
    assert steps == 3


def test_the_links_of_a_list_without_bound_go_on_with_its_cursor(client, headers, world):
    ingredient = world.ingredient()
    releases = [world.release(ingredient).id for _ in range(3)]
    address = f"/api/ingredients/{ingredient.id}/releases?pageSize=2"
    first = client.get(address, headers=headers)
    links = links_of(first)
    assert "last" not in links
    assert f"cursor={first.json['nextCursor']}" in urlsplit(links["next"]).query
    second = client.get(links["next"], headers=headers)
    assert "next" not in links_of(second)
    shown = [item["id"] for item in first.json["items"] + second.json["items"]]
    assert shown == sorted(releases, reverse=True)


# ---- other origins ----


def test_no_other_origin_is_invited_unless_somebody_set_it(client, headers):
    response = client.get("/api/projects", headers={**headers, "Origin": ELSEWHERE})
    assert "Access-Control-Allow-Origin" not in response.headers
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "GET"}
    preflight = client.options("/api/projects", headers=asked)
    assert "Access-Control-Allow-Origin" not in preflight.headers


def test_an_origin_that_was_set_may_use_the_api_with_a_token_but_no_session(
    app, settings, people, headers
):
    client = create_app(replace(settings, cors_origins=(ELSEWHERE,))).test_client()
    response = client.get("/api/projects", headers={**headers, "Origin": ELSEWHERE})
    assert response.headers["Access-Control-Allow-Origin"] == ELSEWHERE
    assert "Access-Control-Allow-Credentials" not in response.headers
    asked = {
        "Origin": ELSEWHERE,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, if-match",
    }
    preflight = client.options("/api/workflows/x", headers=asked)
    assert preflight.headers["Access-Control-Allow-Origin"] == ELSEWHERE
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    other = client.get("/api/projects", headers={**headers, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    page = client.get("/login", headers={"Origin": ELSEWHERE})
    assert "Access-Control-Allow-Origin" not in page.headers


def test_who_reads_under_a_condition_that_does_not_hold_is_told_so(client, headers, world):
    workflow = world.workflow()
    response = client.get(
        f"/api/workflows/{workflow.id}", headers={**headers, "If-Match": '"another"'}
    )
    assert response.status_code == 412
    assert response.json["error"]["code"] == "precondition_failed"

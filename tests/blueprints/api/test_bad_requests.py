"""What every wrong request gets. The endpoints here stand for all of them."""

import io

import pytest

from blueprints.shared.guards import public
from domain.models import AuditEvent, Project, Token, User


def error_of(response):
    assert response.content_type == "application/json"
    return response.json["error"]


@pytest.fixture
def root(people):
    return people.sysadmin.headers()


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "malformed_json"),
        (b"{", "application/json", 400, "malformed_json"),
        (b"[]", "application/json", 400, "malformed_json"),
        (b'"\xff"', "application/json", 400, "malformed_json"),
        (b'{"id": NaN}', "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b'{"id": "a", "id": "b"}', "application/json", 400, "malformed_json"),
        (b"id=a&name=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"id: a", "application/yaml", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"{}", "application/json", 422, "validation_failed"),
        (b'"' + b"x" * (1 << 20) + b'"', "application/json", 413, "body_too_large"),
    ],
)
def test_a_bad_body_gets_its_status_and_code_and_makes_nothing(
    client, root, project, body, content_type, status, code
):
    before = AuditEvent.select().count()
    response = client.post("/api/projects", data=body, content_type=content_type, headers=root)
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert AuditEvent.select().count() == before
    assert {row.id for row in Project.select()} == {"pond", "elsewhere"}


def test_a_chunked_body_that_never_says_its_size_is_refused_as_well(client, root):
    response = client.post(
        "/api/projects",
        input_stream=io.BytesIO(b" " * (1 << 20) + b"{}"),
        content_type="application/json",
        headers={**root, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413


def test_every_fault_is_listed_with_a_pointer_a_code_and_a_sentence(client, root):
    body = {"id": "Not a slug", "description": 7, "colour": "red"}
    details = error_of(client.post("/api/projects", json=body, headers=root))["details"]
    assert {(d["field"], d["code"]) for d in details} == {
        ("/id", "invalid_format"),
        ("/name", "required"),
        ("/description", "invalid_type"),
        ("/colour", "unknown_field"),
    }
    assert all(d["message"].endswith(".") for d in details)


def test_a_number_is_not_taken_for_text_nor_text_for_a_number(client, people):
    path = "/api/projects/pond/testsuites/unit"
    body = {"script": 1, "timeoutSeconds": "60"}
    response = client.put(path, json=body, headers=people.superuser.headers())
    codes = {d["field"]: d["code"] for d in error_of(response)["details"]}
    assert codes == {"/script": "invalid_type", "/timeoutSeconds": "invalid_type"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("colour=red", 400, "unknown_query_parameter"),
        ("pagesize=1", 400, "unknown_query_parameter"),
        ("page=1&page=2", 400, "invalid_query"),
        ("page=%00", 400, "invalid_query"),
        ("page=0", 422, "validation_failed"),
        ("page=x", 422, "validation_failed"),
        ("page=" + "9" * 5000, 422, "validation_failed"),
        ("pageSize=201", 422, "validation_failed"),
        ("page=", 422, "validation_failed"),
    ],
)
def test_a_bad_query_gets_its_status_and_code(client, root, query, status, code):
    response = client.get(f"/api/projects?{query}", headers=root)
    assert (response.status_code, error_of(response)["code"]) == (status, code)


def test_an_unknown_parameter_is_refused_by_name_where_none_is_known(client, root):
    error = error_of(client.get("/api/users/me?colour=red", headers=root))
    assert "'colour'" in error["message"]
    assert error["details"][0]["field"] == "/colour"


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api", "/api/projects/", "/api/projects/p%00nd", "/api//projects"]
)
def test_an_address_that_does_not_exist_is_404_in_json(client, root, path):
    response = client.get(path, headers=root)
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


def test_the_wrong_method_is_told_which_ones_there_are(client, root):
    response = client.patch("/api/projects/pond", headers=root)
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert {"GET", "PUT"} <= {method.strip() for method in response.headers["Allow"].split(",")}


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer gal_nonsense", "invalid_token"),
        ("Bearer", "invalid_token"),
        ("Bearer \xff", "invalid_token"),
        ("Basic YTpi", "invalid_token"),
        ("", "invalid_token"),
    ],
)
def test_a_token_that_is_none_is_401(client, authorization, code):
    response = client.get("/api/projects", headers={"Authorization": authorization})
    assert (response.status_code, error_of(response)["code"]) == (401, code)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_401(client, people):
    headers = people.user.headers()
    assert client.get("/api/projects", headers=headers).status_code == 200
    Token.update(expires_at=1).execute()
    response = client.get("/api/projects", headers=headers)
    assert response.status_code == 401
    assert "expired" in error_of(response)["message"]


def test_a_token_is_never_worth_more_than_its_user_is_now(client, people):
    headers = people.sysadmin.headers()
    assert client.get("/api/users", headers=headers).status_code == 200
    User.update(is_system_admin=False).execute()
    assert client.get("/api/users", headers=headers).status_code == 403
    User.delete().execute()
    assert client.get("/api/users/me", headers=headers).status_code == 401


def test_what_a_stranger_may_not_see_and_what_is_not_there_get_the_same_answer(client, people):
    headers = people.stranger.headers()
    hidden = client.get("/api/projects/pond", headers=headers)
    absent = client.get("/api/projects/gone", headers=headers)
    assert hidden.status_code == absent.status_code == 404
    assert error_of(hidden)["message"].replace("pond", "gone") == error_of(absent)["message"]


def test_a_client_that_prefers_problem_json_gets_the_same_content_as_problem_json(client, root):
    headers = {**root, "Accept": "application/problem+json, application/json;q=0.5"}
    response = client.post("/api/projects", json={"id": "x"}, headers=headers)
    assert response.content_type == "application/problem+json"
    problem = response.json
    assert problem["status"] == response.status_code == 422
    assert problem["code"] == "validation_failed"
    assert problem["detail"]
    assert problem["details"][0]["field"] == "/name"
    assert problem["type"].endswith("validation_failed")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "", "nonsense", ";q=x"])
def test_everybody_else_gets_the_envelope(client, accept):
    response = client.get("/api/projects", headers={"Accept": accept})
    assert error_of(response)["code"] == "not_authenticated"


def test_a_name_that_is_taken_is_409_and_says_which(client, root, project):
    response = client.post("/api/projects", json={"id": "pond", "name": "P"}, headers=root)
    assert (response.status_code, error_of(response)["code"]) == (409, "duplicate_name")
    assert error_of(response)["details"][0]["field"] == "/id"


def test_our_own_mistake_is_a_500_that_tells_its_number_and_nothing_else(
    app, client, root, monkeypatch, caplog
):
    def broken(**_arguments):
        raise RuntimeError("the secret detail")

    monkeypatch.setitem(app.view_functions, "api_users.me", broken)
    response = client.get("/api/users/me", headers=root)
    assert (response.status_code, error_of(response)["code"]) == (500, "internal_error")
    assert "secret detail" not in response.get_data(as_text=True)
    request_id = response.headers["X-Request-Id"]
    assert request_id in error_of(response)["message"]
    (record,) = [r for r in caplog.records if request_id in r.getMessage()]
    assert "the secret detail" in str(record.exc_info)


def test_our_own_mistake_on_a_page_is_a_page(app, client, monkeypatch):
    @public
    def broken(**_arguments):
        raise RuntimeError("the secret detail")

    monkeypatch.setitem(app.view_functions, "auth.login_page", broken)
    response = client.get("/login")
    assert response.status_code == 500
    assert response.mimetype == "text/html"
    assert response.headers["X-Request-Id"] in response.get_data(as_text=True)
    assert "secret detail" not in response.get_data(as_text=True)


def test_a_huge_number_of_faults_is_answered_with_the_first_thousand(client, people):
    body = {"script": "true", **{f"x{number}": 1 for number in range(3000)}}
    path = "/api/projects/pond/testsuites/unit"
    response = client.put(path, json=body, headers=people.superuser.headers())
    assert error_of(response)["message"] == "3000 errors were found."
    assert len(error_of(response)["details"]) == 1000


@pytest.mark.parametrize("path", ["workflows", "workflowruns", "ingredients"])
def test_a_project_that_does_not_exist_is_not_found_in_any_list(client, people, path):
    for who in (people.sysadmin, people.user):
        answer = client.get(f"/api/{path}?projectId=nowhere", headers=who.headers("read"))
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")

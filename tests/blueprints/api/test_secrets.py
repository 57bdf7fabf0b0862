"""The secrets of a project over the API: written, named, never given back."""

import pytest
from flask import Flask

from blueprints.requests.projects import SecretPut
from domain.models import AuditEvent, IdempotencyKey, Secret
from domain.projects.secret_values import values_of
from tests.support.keys import KEYS

PATH = "/api/projects/pond/secrets"
VALUE = "correct horse battery"


@pytest.fixture
def admin(client, people):
    headers = people.admin.headers()

    def send(method, path, json=None, **more):
        return client.open(path, method=method, json=json, headers={**headers, **more})

    return send


def test_a_secret_is_set_then_replaced_then_deleted(admin):
    path = f"{PATH}/DEPLOY_TOKEN"
    made = admin("PUT", path, {"value": VALUE})
    assert made.status_code == 201
    assert admin("PUT", path, {"value": VALUE + "!"}).status_code == 200
    assert values_of("pond", KEYS) == {"DEPLOY_TOKEN": VALUE + "!"}
    assert admin("DELETE", path).status_code == 204
    assert admin("GET", path).status_code == 404
    assert admin("DELETE", path).status_code == 404


def test_everybody_in_the_project_sees_names_and_who_set_them_when(admin, client, people):
    admin("PUT", f"{PATH}/B", {"value": VALUE})
    admin("PUT", f"{PATH}/A", {"value": VALUE})
    headers = people.user.headers()
    listed = client.get(PATH, headers=headers).json
    assert [item["name"] for item in listed["items"]] == ["A", "B"]
    assert listed["totalCount"] == 2
    one = client.get(f"{PATH}/A", headers=headers).json
    assert one == listed["items"][0]
    assert set(one) == {"name", "projectId", "updatedAt", "updatedBy"}
    assert one["updatedBy"] == "admin"


def test_no_answer_has_the_value(admin):
    path = f"{PATH}/TOKEN"
    given = {"value": VALUE}
    answers = [
        admin("PUT", path, given, **{"Idempotency-Key": "k"}),
        admin("PUT", path, given, **{"Idempotency-Key": "k"}),
        admin("PUT", path, {**given, "more": VALUE}),
        admin("PUT", path, {"value": [VALUE]}),
        admin("PUT", path, {"value": VALUE * 4000}),
        admin("PUT", path, {"value": VALUE + "\0"}),
        admin("PUT", path, VALUE),
        admin("PUT", f"{PATH}/PATH", given),
        admin("GET", path),
        admin("GET", PATH),
        admin("DELETE", path),
    ]
    assert [answer.status_code for answer in answers] == [
        *(201, 200),
        *(422, 422, 422, 422, 400, 422),
        *(200, 200, 204),
    ]
    for answer in answers:
        assert VALUE not in answer.get_data(as_text=True)
        assert VALUE not in str(answer.headers)
    assert not IdempotencyKey.select().exists()
    assert VALUE not in str([vars(event) for event in AuditEvent.select()])


def test_a_mistake_of_ours_does_not_put_the_value_into_the_servers_log(
    admin, app: Flask, monkeypatch, caplog
):
    def broken(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr("domain.projects.secrets.put_row", broken)
    app.testing = False
    answer = admin("PUT", f"{PATH}/TOKEN", {"value": VALUE})
    assert answer.status_code == 500
    assert "broken" in caplog.text
    assert VALUE not in caplog.text + answer.get_data(as_text=True)
    assert VALUE not in repr(SecretPut(value=VALUE))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a-b", "invalid_format"),
        ("1A", "invalid_format"),
        ("A" * 101, "invalid_format"),
        ("%C3%9C", "invalid_format"),
        ("A%0A", "invalid_format"),
        ("PATH", "reserved"),
        ("GALLEY_TOKEN", "reserved"),
    ],
)
def test_a_name_is_what_a_script_can_use_as_a_variable(admin, name, code):
    response = admin("PUT", f"{PATH}/{name}", {"value": VALUE})
    assert response.status_code == 422
    assert [d["code"] for d in response.json["error"]["details"]] == [code]
    assert not Secret.select().exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"value": ""}, "required"),
        ({"value": None}, "invalid_type"),
        ({"value": 12345678}, "invalid_type"),
        ({"value": "abc"}, "too_short"),
        ({"value": " \n abc \n "}, "too_short"),
        ({"value": "ü" * 16_385}, "too_long"),
        ({"value": "correct\0horse"}, "invalid_text"),
        ({"value": VALUE, "name": "B"}, "unknown_field"),
    ],
)
def test_a_value_that_could_not_be_kept_or_masked_is_refused(admin, body, code):
    response = admin("PUT", f"{PATH}/TOKEN", body)
    assert response.status_code == 422
    assert [d["code"] for d in response.json["error"]["details"]] == [code]
    assert not Secret.select().exists()


@pytest.mark.parametrize("value", ["ü" * 16_384, "a\nb\tc\x1b \u2028", " xx xx "])
def test_any_other_text_is_kept_as_it_is(admin, value):
    assert admin("PUT", f"{PATH}/TOKEN", {"value": value}).status_code == 201
    assert values_of("pond", KEYS) == {"TOKEN": value}


def test_a_short_or_everyday_value_is_kept_with_a_warning(admin):
    warned = admin("PUT", f"{PATH}/TOKEN", {"value": "docker"}).json["warnings"]
    assert [(w["field"], w["code"]) for w in warned] == [("/value", "easily_guessed")]
    assert admin("PUT", f"{PATH}/TOKEN", {"value": VALUE}).json["warnings"] == []


def test_another_projects_secrets_are_its_own(admin):
    admin("PUT", f"{PATH}/TOKEN", {"value": VALUE})
    assert admin("GET", "/api/projects/elsewhere/secrets").status_code == 404
    assert values_of("elsewhere", KEYS) == {}

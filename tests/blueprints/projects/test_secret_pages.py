"""The pages of a project's secrets: what is stored never comes back."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Project, Secret
from domain.projects import secrets as project_secrets
from domain.projects.secret_values import values_of
from tests.support.forms import fields_of
from tests.support.keys import KEYS
from tests.support.people import People
from tests.support.world import World

SECRETS = "/projects/pond/settings/secrets"
VALUE = "correct horse battery"


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


@pytest.fixture
def admin(people: People) -> FlaskClient:
    return people.admin.browser()


def test_a_secret_is_stored_then_replaced_then_deleted(admin: FlaskClient) -> None:
    assert "No secret yet" in admin.get(SECRETS).text
    response = admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE})
    assert (response.status_code, response.location) == (303, SECRETS)
    assert values_of("pond", KEYS) == {"TOKEN": VALUE}
    assert "Secret TOKEN stored." in admin.get(SECRETS).text

    page = admin.get(SECRETS).text
    assert "<code>TOKEN</code>" in page
    assert '<span class="soft">by admin</span>' in page
    assert f'href="{SECRETS}/TOKEN"' in page
    assert list(fields_of(admin.get(f"{SECRETS}/TOKEN").text)) == ["value"]
    assert admin.post(f"{SECRETS}/TOKEN", data={"value": f"{VALUE}!"}).location == SECRETS
    assert values_of("pond", KEYS) == {"TOKEN": f"{VALUE}!"}

    assert f'action="{SECRETS}/TOKEN/delete"' in page
    assert admin.post(f"{SECRETS}/TOKEN/delete").location == SECRETS
    assert values_of("pond", KEYS) == {}
    for path in ("/TOKEN", "/TOKEN/delete"):
        assert admin.post(SECRETS + path, data={"value": VALUE}).status_code == 404
    assert admin.get(f"{SECRETS}/TOKEN").status_code == 404


def test_a_key_keeps_its_lines_and_its_spaces(admin: FlaskClient) -> None:
    """Browsers send lines with CR LF, with which no key is one."""
    admin.post(
        SECRETS, data={"name": "KEY", "value": " -----BEGIN-----\r\nabc\r\n-----END-----\r\n"}
    )
    assert values_of("pond", KEYS) == {"KEY": " -----BEGIN-----\nabc\n-----END-----\n"}


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"name": "MY-TOKEN", "value": VALUE}, {"name": "Must begin with a letter"}),
        ({"name": "GALLEY_TOKEN", "value": VALUE}, {"name": "Has a meaning of its own"}),
        ({"name": "", "value": VALUE}, {"name": "Must not be empty."}),
        ({"name": "TOKEN", "value": "xyz"}, {"value": "at least 4 characters"}),
        ({"name": "TOKEN", "value": ""}, {"value": "Must not be empty."}),
        ({"name": "9", "value": "xyz"}, {"name": "Must begin", "value": "at least 4 characters"}),
        ({"name": "TOKEN", "value": VALUE * 2000}, {"value": "at most 32 KiB"}),
    ],
)
def test_a_refusal_keeps_the_name_and_never_the_value(
    admin: FlaskClient, form: dict[str, str], wrong: dict[str, str]
) -> None:
    response = admin.post(SECRETS, data=form)
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert (fields["name"].value, fields["value"].value) == (form["name"], "")
    assert {name for name, field in fields.items() if field.is_invalid} == set(wrong)
    for name, fault in wrong.items():
        assert fault in fields[name].fault
    assert "enter it again" in response.text
    assert form["value"] == "" or form["value"] not in response.text
    assert Secret.select().count() == 0


def test_no_answer_and_no_cookie_has_the_value(admin: FlaskClient) -> None:
    answers = [
        admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE}),
        admin.get(SECRETS),
        admin.get(f"{SECRETS}/TOKEN"),
        admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE}),
        admin.post(f"{SECRETS}/TOKEN", data={"value": VALUE, "name": VALUE}),
        admin.post(f"{SECRETS}/NONE", data={"value": VALUE}),
        admin.get("/nothing"),
    ]
    assert [answer.status_code for answer in answers] == [303, 200, 200, 409, 303, 404, 404]
    assert values_of("pond", KEYS) == {"TOKEN": VALUE}
    with admin.session_transaction() as session:
        assert VALUE not in repr(dict(session))
    for answer in answers:
        assert VALUE not in answer.text + str(answer.headers)


def test_a_new_secret_does_not_replace_one_of_the_same_name(admin: FlaskClient) -> None:
    admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE})
    response = admin.post(SECRETS, data={"name": "TOKEN", "value": "battery staple"})
    assert response.status_code == 409
    assert fields_of(response.text)["name"].fault == "'TOKEN' is taken."
    assert values_of("pond", KEYS) == {"TOKEN": VALUE}


def test_a_refused_replacement_changes_nothing(admin: FlaskClient) -> None:
    admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE})
    response = admin.post(f"{SECRETS}/TOKEN", data={"value": "xyz"})
    assert response.status_code == 422
    field = fields_of(response.text)["value"]
    assert (field.value, field.is_invalid) == ("", True)
    assert "at least 4 characters" in field.fault
    assert "xyz" not in response.text
    assert values_of("pond", KEYS) == {"TOKEN": VALUE}


def test_who_stores_what_is_easily_guessed_is_warned_once(admin: FlaskClient) -> None:
    warning = "The value is short or looks like a word or a number"
    admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE})
    assert warning not in admin.get(SECRETS).text
    admin.post(f"{SECRETS}/TOKEN", data={"value": "sunshine1"})
    page = admin.get(SECRETS).text
    assert warning in page
    assert 'class="notice warn"' in page
    assert "sunshine1" not in page
    assert warning not in admin.get(SECRETS).text


def test_a_project_that_has_all_it_may_have_takes_no_more(
    admin: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.secret()
    monkeypatch.setattr(project_secrets, "MAX_SECRETS", 1)
    response = admin.post(SECRETS, data={"name": "TOKEN", "value": VALUE})
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert "A project takes at most 1 secrets." in response.text
    assert fields_of(response.text)["name"].value == "TOKEN"
    assert Secret.select().count() == 1


def test_everybody_sees_names_and_only_admins_may_change_them(people: People, world: World) -> None:
    path = f"{SECRETS}/{world.secret()}"
    for person in (people.user, people.superuser):
        visitor = person.browser()
        page = visitor.get(SECRETS).text
        assert f"<code>{path.rpartition('/')[2]}</code>" in page
        assert path not in page
        assert "needs the role <strong>Admin</strong>" in page
        assert "needs the role <strong>Admin</strong>" in visitor.get(path).text
        assert fields_of(page) == fields_of(visitor.get(path).text) == {}
        for address in (SECRETS, path, f"{path}/delete"):
            form = {"name": "TOKEN", "value": VALUE}
            assert visitor.post(address, data=form).status_code == 403
    assert people.stranger.browser().get(path).status_code == 404
    assert Secret.select().count() == 1

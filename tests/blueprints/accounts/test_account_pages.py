"""The page of one's own account: name, password, tokens, preferences."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from blueprints.shared.throttling import TRIES_PER_NAME
from domain.accounts import tokens
from domain.accounts import users as people_rules
from domain.accounts.access import READ, console
from domain.clock import DAY_MS, now
from domain.models import Member, Project, Token, User
from domain.settings import Settings
from tests.support.forms import form_id_in
from tests.support.people import People, Person

OLD, NEW = "correct horse", "battery staple"
CHANGE = {"currentPassword": OLD, "password": NEW}
SCRIPT = {"name": "nightly", "expiresIn": "30", "scopes": "write"}


@pytest.fixture
def ann(app: Flask) -> Person:
    return Person(app, people_rules.create_user(console(), "ann", password=OLD))


@pytest.fixture
def of_ann(ann: Person) -> FlaskClient:
    return ann.browser()


def token_in(page: str) -> str:
    found = re.search(r'<code id="token">(gal_[\w-]+)</code>', page)
    assert found
    return found[1]


def fault_of(page: str, field: str) -> str:
    """What the page says beside a field."""
    found = re.search(rf'id="{field}-fault">.*?</svg>(.*?)</p>', page, re.DOTALL)
    assert found, f"no fault beside {field}"
    return found[1].strip()


def knows(app: Flask, token: str, method: str = "GET", json: Any = None) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    return client.open("/api/users/me", method=method, headers=headers, json=json).status_code


# ---- who I am --------------------------------------------------------------------------------


def test_the_page_says_who_one_is_and_where_one_may_do_what(
    of_ann: FlaskClient, ann: Person, people: People, project: Project
) -> None:
    Member.create(project=project, user=ann.user, role="SuperUser")
    page = of_ann.get("/account").text
    assert "Signed in as <strong>ann</strong>" in page
    assert "<td>SuperUser</td>" in page
    assert "Elsewhere" not in page
    assert "System_Admin" not in page


def test_who_is_in_no_project_reads_who_can_change_that(of_ann: FlaskClient) -> None:
    assert "You are not a member of any project" in of_ann.get("/account").text


def test_a_system_admin_reads_that_every_project_is_theirs(people: People) -> None:
    page = people.sysadmin.browser().get("/account").text
    assert "has full access to every project" in page
    assert "You are not a member of any project" not in page


def test_a_name_and_an_address_are_changed(of_ann: FlaskClient, ann: Person) -> None:
    form = {"displayName": "Ann Boleyn", "email": "ann@example.org"}
    saved = of_ann.post("/account", data=form)
    assert (saved.status_code, saved.location) == (303, "/account")
    page = of_ann.get("/account").text
    assert "Saved." in page
    assert 'value="Ann Boleyn"' in page
    assert User.get_by_id(ann.user.id).email == "ann@example.org"


def test_nobody_makes_themselves_a_system_admin(of_ann: FlaskClient, ann: Person) -> None:
    form = {"displayName": "", "email": "", "isSystemAdmin": "true"}
    assert of_ann.post("/account", data=form).status_code == 303
    assert not User.get_by_id(ann.user.id).is_system_admin


def test_a_wrong_address_is_said_beside_it_and_what_was_typed_stays(
    of_ann: FlaskClient, ann: Person
) -> None:
    form = {"displayName": "Ann B.", "email": "ann at home"}
    refused = of_ann.post("/account", data=form)
    assert refused.status_code == 422
    assert "Must not hold spaces" in fault_of(refused.text, "email")
    assert 'value="ann at home"' in refused.text
    assert 'value="Ann B."' in refused.text
    assert User.get_by_id(ann.user.id).display_name == ""


# ---- password --------------------------------------------------------------------------------


def test_a_new_password_ends_every_other_session_and_no_token(
    app: Flask, of_ann: FlaskClient, ann: Person
) -> None:
    elsewhere, token = ann.browser(), ann.headers()["Authorization"].removeprefix("Bearer ")
    changed = of_ann.post("/account/new-password", data=CHANGE)
    assert (changed.status_code, changed.location) == (303, "/account")
    assert "signed out everywhere else" in of_ann.get("/account").text
    assert elsewhere.get("/account").status_code == 303
    assert knows(app, token) == 200
    assert people_rules.sign_in("ann", NEW)


def test_the_session_that_goes_on_can_change_things(of_ann: FlaskClient, ann: Person) -> None:
    of_ann.post("/account/new-password", data=CHANGE)
    found = re.search(r'name="csrf_token" value="([^"]+)"', of_ann.get("/account").text)
    assert found
    form = {"displayName": "Ann", "email": "", "csrf_token": found[1]}
    of_ann.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert of_ann.post("/account", data=form).status_code == 303
    assert User.get_by_id(ann.user.id).display_name == "Ann"


@pytest.mark.parametrize(
    ("given", "status", "field", "sentence"),
    [
        ({"currentPassword": "guessed it"}, 403, "currentPassword", "not your current password"),
        ({"currentPassword": ""}, 403, "currentPassword", "Enter your current password"),
        ({"password": "short!!"}, 422, "password", "at least 8 characters"),
        ({"password": ""}, 422, "password", "at least 8 characters"),
    ],
)
def test_a_refused_password_is_said_beside_its_field_and_not_shown(
    of_ann: FlaskClient, given: dict[str, str], status: int, field: str, sentence: str
) -> None:
    refused = of_ann.post("/account/new-password", data={**CHANGE, **given})
    assert refused.status_code == status
    assert sentence in fault_of(refused.text, field)
    for text in (OLD, NEW, "guessed it", "short!!"):
        assert text not in refused.text
    assert people_rules.sign_in("ann", OLD)
    assert of_ann.get("/account").status_code == 200


def test_who_guesses_the_present_password_has_to_wait(of_ann: FlaskClient) -> None:
    for _ in range(TRIES_PER_NAME):
        wrong = {**CHANGE, "currentPassword": "a guess"}
        assert of_ann.post("/account/new-password", data=wrong).status_code == 403
    refused = of_ann.post("/account/new-password", data=CHANGE)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "Too many attempts" in fault_of(refused.text, "currentPassword")
    assert people_rules.sign_in("ann", OLD)


# ---- a new token -----------------------------------------------------------------------------


def test_a_new_token_is_shown_with_what_a_shell_needs_and_works(
    app: Flask, of_ann: FlaskClient
) -> None:
    made = of_ann.post("/account/tokens", data=SCRIPT)
    assert made.status_code == 200
    token = token_in(made.text)
    assert f"export GALLEY_TOKEN={token}" in made.text
    assert 'data-copy="token"' in made.text
    assert made.headers["Cache-Control"] == "no-store"
    own = {"displayName": "Ann", "email": ""}
    assert knows(app, token, "PUT", json=own) == 200


def test_a_new_token_is_shown_nowhere_else_and_kept_nowhere(
    of_ann: FlaskClient, settings: Settings
) -> None:
    form_id = form_id_in(of_ann.get("/account").text)
    made = of_ann.post("/account/tokens", data={**SCRIPT, "formId": form_id})
    token = token_in(made.text)
    assert token not in str(made.headers)
    with of_ann.session_transaction() as session:
        assert token not in repr(dict(session))
    page = of_ann.get("/account").text
    assert "nightly" in page
    assert token not in page
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if token.encode() in path.read_bytes()]


def test_a_form_that_is_sent_again_makes_no_second_token_and_shows_none(
    of_ann: FlaskClient,
) -> None:
    form = {**SCRIPT, "formId": form_id_in(of_ann.get("/account").text)}
    token = token_in(of_ann.post("/account/tokens", data=form).text)
    again = of_ann.post("/account/tokens", data=form)
    assert (again.status_code, again.location) == (303, "/account")
    page = of_ann.get("/account").text
    assert "its text is shown only once" in page
    assert token not in page
    assert Token.select().count() == 1


def test_another_choice_on_the_same_page_makes_another_token(of_ann: FlaskClient) -> None:
    form = {**SCRIPT, "formId": form_id_in(of_ann.get("/account").text)}
    first = token_in(of_ann.post("/account/tokens", data=form).text)
    second = token_in(of_ann.post("/account/tokens", data={**form, "name": "weekly"}).text)
    assert first != second


def test_of_two_that_are_sent_at_the_same_time_one_makes_the_token(ann: Person) -> None:
    browsers = [ann.browser() for _ in range(4)]
    form = {**SCRIPT, "formId": form_id_in(browsers[0].get("/account").text)}
    barrier = Barrier(len(browsers))

    def send(browser: FlaskClient) -> int:
        barrier.wait()
        return browser.post("/account/tokens", data=form).status_code

    with ThreadPoolExecutor(len(browsers)) as pool:
        assert sorted(pool.map(send, browsers)) == [200, 303, 303, 303]
    assert Token.select().count() == 1


def test_who_asks_for_the_address_of_a_form_gets_its_part_of_the_page(of_ann: FlaskClient) -> None:
    assert of_ann.get("/account/tokens").location == "/account#tokens"
    assert of_ann.get("/account/new-password").location == "/account#new-password"


@pytest.mark.parametrize(("days", "expected"), [("", None), ("30", 30)])
def test_a_token_is_valid_for_so_many_days_or_until_it_is_revoked(
    of_ann: FlaskClient, days: str, expected: int | None
) -> None:
    before = now()
    of_ann.post("/account/tokens", data={**SCRIPT, "expiresIn": days})
    at = Token.get().expires_at
    if expected is None:
        assert at is None
    else:
        assert before <= at - expected * DAY_MS <= now()


def test_a_token_that_may_only_read_changes_nothing(app: Flask, of_ann: FlaskClient) -> None:
    made = of_ann.post("/account/tokens", data={**SCRIPT, "scopes": "read"})
    token = token_in(made.text)
    assert knows(app, token) == 200
    assert knows(app, token, "PUT", json={"displayName": "x", "email": ""}) == 403


def test_without_a_choice_a_token_only_reads(of_ann: FlaskClient) -> None:
    of_ann.post("/account/tokens", data={"name": "plain"})
    assert Token.get().scope == READ


def test_what_is_wrong_with_a_token_is_said_beside_it_and_what_was_typed_stays(
    of_ann: FlaskClient,
) -> None:
    refused = of_ann.post("/account/tokens", data={**SCRIPT, "name": " ", "expiresIn": "0"})
    assert refused.status_code == 422
    assert fault_of(refused.text, "name")
    assert fault_of(refused.text, "expiresIn")
    assert 'type="number" value="0"' in refused.text
    assert re.search(r'value="write"\s+checked', refused.text)
    assert Token.select().count() == 0


def test_a_scope_that_is_none_is_refused(of_ann: FlaskClient) -> None:
    refused = of_ann.post("/account/tokens", data={**SCRIPT, "scopes": "everything"})
    assert refused.status_code == 422
    assert 'class="fault-list"' in refused.text


# ---- tokens that are there -------------------------------------------------------------------


def test_a_revoked_token_lets_nobody_in(app: Flask, of_ann: FlaskClient) -> None:
    token = token_in(of_ann.post("/account/tokens", data=SCRIPT).text)
    assert f'action="/account/tokens/{Token.get().id}/revoke"' in of_ann.get("/account").text
    revoked = of_ann.post(f"/account/tokens/{Token.get().id}/revoke")
    assert (revoked.status_code, revoked.location) == (303, "/account")
    assert knows(app, token) == 401
    assert "No token yet" in of_ann.get("/account").text


def test_the_token_of_somebody_else_is_not_there(of_ann: FlaskClient, people: People) -> None:
    token, _ = tokens.create_token(console(), people.user.user, "of another")
    assert "of another" not in of_ann.get("/account").text
    assert of_ann.post(f"/account/tokens/{token.id}/revoke").status_code == 404
    assert Token.select().count() == 1


def test_the_list_says_when_a_token_was_used_and_that_its_time_is_over(
    of_ann: FlaskClient, ann: Person
) -> None:
    tokens.create_token(console(), ann.user, "old", days=-1)
    page = of_ann.get("/account").text
    assert "expired</span>" in page
    assert '<span class="soft">never</span>' in page
    Token.update(last_used_at=now(), expires_at=None).execute()
    page = of_ann.get("/account").text
    assert "expired</span>" not in page
    assert re.search(r'data-label="Used"><time', page)


def test_many_tokens_are_shown_page_by_page(of_ann: FlaskClient, ann: Person) -> None:
    for number in range(3):
        tokens.create_token(console(), ann.user, f"robot {number}")
    page = of_ann.get("/account?pageSize=2").text
    assert "robot 2" in page
    assert "robot 0" not in page
    assert "1–2 of 3 tokens" in page


def test_the_name_of_a_token_is_text_and_never_markup(of_ann: FlaskClient) -> None:
    evil = "<script>alert(1)</script>"
    made = of_ann.post("/account/tokens", data={**SCRIPT, "name": evil})
    for page in (made.text, of_ann.get("/account").text):
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


# ---- preferences -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "form"), [("/theme", {"theme": "dark"}), ("/shortcuts", {"shortcuts": "off"})]
)
def test_a_preference_is_kept_and_shown(
    of_ann: FlaskClient, path: str, form: dict[str, str]
) -> None:
    (name, value), *_ = form.items()
    part = of_ann.get("/account").text.partition('id="preferences"')[2]
    button = rf'name="{name}" value="{value}" aria-pressed="(\w+)"'
    assert re.findall(button, part) == ["false"]
    kept = of_ann.post(path, data={**form, "next": "/account#preferences"})
    assert kept.location == "/account#preferences"
    part = of_ann.get("/account").text.partition('id="preferences"')[2]
    assert re.findall(button, part) == ["true"]

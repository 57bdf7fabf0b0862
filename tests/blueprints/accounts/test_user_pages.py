"""The pages of users: who may come here, and what they can do with an account."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.accounts import tokens
from domain.accounts import users as people_rules
from domain.accounts.access import console
from domain.models import Member, Project, Token, User
from tests.support.people import People, Person

BOB = {
    "username": "bob",
    "password": "battery staple",
    "displayName": "Bob",
    "email": "bob@example.org",
    "isSystemAdmin": "false",
}
FACTS = {"displayName": "Ann B.", "email": "ann@example.org", "isSystemAdmin": "false"}


@pytest.fixture
def ann(app: Flask) -> Person:
    return Person(app, people_rules.create_user(console(), "ann", password="correct horse"))


@pytest.fixture
def root(people: People) -> FlaskClient:
    """The browser of the only System_Admin."""
    return people.sysadmin.browser()


def fault_of(page: str, field: str) -> str:
    """What the page says beside a field."""
    found = re.search(rf'id="{field}-fault">.*?</svg>(.*?)</p>', page, re.DOTALL)
    assert found, f"no fault beside {field}"
    return found[1].strip()


def row_of(page: str, username: str) -> str:
    found = re.search(rf'<tr>(?:(?!</tr>).)*/admin/users/{username}".*?</tr>', page, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", "/admin/new-user"),
        ("GET", "/admin/users/ann"),
        ("POST", "/admin/users/ann/delete"),
    ],
)
@pytest.mark.parametrize("name", ["user", "admin", "stranger"])
def test_who_is_no_system_admin_reads_why_these_pages_are_not_theirs(
    people: People, ann: Person, method: str, path: str, name: str
) -> None:
    refused = getattr(people, name).browser().open(path, method=method)
    assert refused.status_code == 403
    assert "needs the role System_Admin" in refused.text
    assert "A System_Admin can change that" in refused.text


# ---- the list --------------------------------------------------------------------------------


def test_the_list_tells_of_everybody(root: FlaskClient, ann: Person) -> None:
    User.update(display_name="Ann B.", email="ann@example.org").where(
        User.id == ann.user.id
    ).execute()
    page = root.get("/admin/users").text
    assert "Ann B. · ann@example.org" in row_of(page, "ann")
    assert "password" in row_of(page, "ann")
    assert "System_Admin" not in row_of(page, "ann")
    assert "token only" in row_of(page, "sysadmin")
    assert "System_Admin" in row_of(page, "sysadmin")
    assert ">you</span>" in row_of(page, "sysadmin")


def test_many_users_are_shown_page_by_page(root: FlaskClient) -> None:
    page = root.get("/admin/users?pageSize=2").text
    assert "1–2 of 5 users" in page
    assert 'rel="next"' in page
    assert "sysadmin" not in page[page.index("<tbody") : page.index("</tbody")]


# ---- a new one -------------------------------------------------------------------------------


def test_a_new_user_can_sign_in(root: FlaskClient) -> None:
    made = root.post("/admin/users", data=BOB)
    assert (made.status_code, made.location) == (303, "/admin/users/bob")
    assert "User bob created." in root.get(made.location).text
    user = people_rules.sign_in("bob", "battery staple")
    assert (user.display_name, user.email) == ("Bob", "bob@example.org")
    assert not user.is_system_admin


def test_a_new_user_may_be_a_system_admin_without_a_password(root: FlaskClient) -> None:
    # A browser sends what stands before the checkbox, too.
    form = {**BOB, "password": "", "isSystemAdmin": ["false", "true"]}
    assert root.post("/admin/users", data=form).status_code == 303
    bob = people_rules.get_user("bob")
    assert bob.is_system_admin
    assert bob.password_hash is None


@pytest.mark.parametrize("username", ["new", "new-user", "users"])
def test_no_name_is_in_the_way_of_the_form(root: FlaskClient, username: str) -> None:
    made = root.post("/admin/users", data={**BOB, "username": username})
    assert f'id="user-title">{username}' in root.get(made.location).text
    assert 'name="username"' in root.get("/admin/new-user").text


@pytest.mark.parametrize(
    ("given", "status", "field", "sentence"),
    [
        ({"username": "ann"}, 409, "username", "is taken"),
        ({"username": "Bob!"}, 422, "username", "Must begin with a small letter"),
        ({"username": "me"}, 422, "username", "meaning of its own"),
        ({"password": "short!!"}, 422, "password", "at least 8 characters"),
        ({"email": "bob at home"}, 422, "email", "Must not hold spaces"),
    ],
)
def test_a_refused_user_is_shown_as_typed_with_the_fault_beside_its_field(
    root: FlaskClient, ann: Person, given: dict[str, str], status: int, field: str, sentence: str
) -> None:
    form = {**BOB, "isSystemAdmin": "true", **given}
    refused = root.post("/admin/users", data=form)
    assert refused.status_code == status
    assert sentence in fault_of(refused.text, field)
    for name in ("username", "displayName", "email"):
        assert f'value="{form[name]}"' in refused.text
    assert re.search(r'name="isSystemAdmin"[^>]* checked', refused.text)
    assert form["password"] not in refused.text
    assert User.get_or_none(User.username == "bob") is None


# ---- one -------------------------------------------------------------------------------------


def test_the_page_of_a_user_tells_of_their_roles_and_tokens(
    root: FlaskClient, ann: Person, project: Project
) -> None:
    Member.create(project=project, user=ann.user, role="SuperUser")
    tokens.create_token(console(), ann.user, "laptop", scope="write")
    page = root.get("/admin/users/ann").text
    assert 'href="/projects/pond/settings/members">Pond</a>' in page
    assert "<td>SuperUser</td>" in page
    assert "laptop" in page
    assert "Reads and writes" in page


def test_what_a_user_is_called_is_text_and_never_markup(root: FlaskClient, ann: Person) -> None:
    evil = "<script>alert(1)</script>"
    User.update(display_name=evil).where(User.id == ann.user.id).execute()
    tokens.create_token(console(), ann.user, evil)
    for path in ("/admin/users", "/admin/users/ann"):
        page = root.get(path).text
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", ""), ("POST", "/password"), ("POST", "/delete")]
)
def test_nobody_has_no_page(root: FlaskClient, method: str, path: str) -> None:
    form = {**FACTS, "password": "battery staple"}
    assert root.open(f"/admin/users/nobody{path}", method=method, data=form).status_code == 404


def test_a_user_is_changed_at_once(root: FlaskClient, ann: Person) -> None:
    browser = ann.browser()
    assert browser.get("/admin/users").status_code == 403
    saved = root.post("/admin/users/ann", data={**FACTS, "isSystemAdmin": ["false", "true"]})
    assert (saved.status_code, saved.location) == (303, "/admin/users/ann")
    assert 'value="Ann B."' in root.get(saved.location).text
    assert browser.get("/admin/users").status_code == 200
    root.post("/admin/users/ann", data=FACTS)
    assert browser.get("/admin/users").status_code == 403


def test_a_refused_change_is_shown_as_typed(root: FlaskClient, ann: Person) -> None:
    refused = root.post("/admin/users/ann", data={**FACTS, "email": "ann at home"})
    assert refused.status_code == 422
    assert "Must not hold spaces" in fault_of(refused.text, "email")
    assert 'value="Ann B."' in refused.text
    assert User.get_by_id(ann.user.id).display_name == ""


def test_the_only_system_admin_stays_one_and_reads_why(root: FlaskClient) -> None:
    refused = root.post("/admin/users/sysadmin", data=FACTS)
    assert refused.status_code == 409
    assert "is the only System_Admin" in fault_of(refused.text, "isSystemAdmin")
    assert 'value="Ann B."' in refused.text
    assert root.get("/admin/users").status_code == 200


def test_who_lays_down_the_role_is_led_to_a_page_they_may_see(
    root: FlaskClient, ann: Person
) -> None:
    people_rules.change_user(console(), "ann", {"is_system_admin": True})
    saved = root.post("/admin/users/sysadmin", data=FACTS)
    assert (saved.status_code, saved.location) == (303, "/account")
    assert "no longer a System_Admin" in root.get("/account").text


# ---- password and tokens ---------------------------------------------------------------------


def test_a_new_password_ends_the_sessions_of_a_user(root: FlaskClient, ann: Person) -> None:
    browser = ann.browser()
    assert browser.get("/account").status_code == 200
    saved = root.post("/admin/users/ann/password", data={"password": "battery staple"})
    assert (saved.status_code, saved.location) == (303, "/admin/users/ann")
    assert browser.get("/account").status_code == 303
    assert people_rules.sign_in("ann", "battery staple")


def test_a_short_password_is_refused_and_not_shown(root: FlaskClient, ann: Person) -> None:
    refused = root.post("/admin/users/ann/password", data={"password": "short!!"})
    assert refused.status_code == 422
    assert "at least 8 characters" in fault_of(refused.text, "password")
    assert "short!!" not in refused.text
    assert people_rules.sign_in("ann", "correct horse")


def test_a_system_admin_changes_their_own_password_where_the_present_one_is_asked_for(
    root: FlaskClient,
) -> None:
    assert 'name="password"' not in root.get("/admin/users/sysadmin").text
    led = root.post("/admin/users/sysadmin/password", data={"password": "battery staple"})
    assert (led.status_code, led.location) == (303, "/account")
    assert people_rules.get_user("sysadmin").password_hash is None


def test_a_token_of_anybody_can_be_revoked(app: Flask, root: FlaskClient, ann: Person) -> None:
    headers = ann.headers()
    path = f"/admin/users/ann/tokens/{Token.get().id}/revoke"
    assert f'action="{path}"' in root.get("/admin/users/ann").text
    assert app.test_client().get("/api/users/me", headers=headers).status_code == 200
    revoked = root.post(path)
    assert (revoked.status_code, revoked.location) == (303, "/admin/users/ann")
    assert app.test_client().get("/api/users/me", headers=headers).status_code == 401


# ---- the end of an account -------------------------------------------------------------------


def test_a_deleted_user_is_gone_at_once(root: FlaskClient, ann: Person) -> None:
    browser = ann.browser()
    assert 'action="/admin/users/ann/delete"' in root.get("/admin/users/ann").text
    deleted = root.post("/admin/users/ann/delete")
    assert (deleted.status_code, deleted.location) == (303, "/admin/users")
    assert "User ann deleted." in root.get("/admin/users").text
    assert root.get("/admin/users/ann").status_code == 404
    assert browser.get("/account").status_code == 303


def test_nobody_deletes_their_own_account_and_reads_who_can(root: FlaskClient) -> None:
    page = root.get("/admin/users/sysadmin").text
    assert 'action="/admin/users/sysadmin/delete"' not in page
    assert "Ask another System_Admin." in page
    refused = root.post("/admin/users/sysadmin/delete")
    assert refused.status_code == 409
    assert "cannot delete your own account" in refused.text.partition("fault-list")[2]
    assert root.get("/admin/users").status_code == 200

"""Headers, sessions, CSRF, signing in."""

import re

import pytest

from blueprints.accounts.sign_in import after_sign_in
from blueprints.shared.throttling import TRIES_PER_ADDRESS, TRIES_PER_NAME, sender
from domain.accounts import users as people_rules
from domain.accounts.access import console
from domain.models import Project
from tests.blueprints.api.conftest import hold_against_the_contract
from tests.support import application


@pytest.mark.parametrize("path", ["/login", "/api/projects", "/nothing", "/healthz", "/workflows"])
def test_every_answer_has_a_request_id_and_the_security_headers(client, path):
    headers = client.get(path).headers
    assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-Id"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_two_requests_have_two_ids(client):
    assert len({client.get("/healthz").headers["X-Request-Id"] for _ in range(5)}) == 5


def test_no_other_origin_is_let_in(client, people):
    headers = {"Origin": "https://evil.example", **people.user.headers()}
    response = client.get("/api/projects", headers=headers)
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    preflight = client.options("/api/projects", headers={"Origin": "https://evil.example"})
    assert not [name for name, _ in preflight.headers if name.startswith("Access-Control")]


def test_a_session_that_changes_something_must_send_the_csrf_token(people):
    browser = people.sysadmin.browser()
    body = {"id": "new", "name": "New"}
    token = browser.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert browser.get("/api/projects").status_code == 200
    refused = browser.post("/api/projects", json=body)
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "csrf_failed")
    forged = browser.post("/api/projects", json=body, headers={"X-CSRFToken": token[:-3] + "abc"})
    assert forged.status_code == 400
    assert not Project.get_or_none(Project.id == "new")
    assert (
        browser.post("/api/projects", json=body, headers={"X-CSRFToken": token}).status_code == 201
    )


def test_a_bearer_request_needs_no_csrf_token_even_from_a_signed_in_browser(people):
    browser = people.sysadmin.browser()
    del browser.environ_base["HTTP_X_CSRFTOKEN"]
    body = {"id": "new", "name": "New"}
    headers = people.sysadmin.headers()
    assert browser.post("/api/projects", json=body, headers=headers).status_code == 201


def test_a_bad_token_is_not_rescued_by_a_session(people):
    browser = people.sysadmin.browser()
    response = browser.get("/api/projects", headers={"Authorization": "Bearer gal_x"})
    assert response.status_code == 401


# ---- signing in ------------------------------------------------------------------------------


@pytest.fixture
def ann(app):
    return people_rules.create_user(console(), "ann", password="correct horse")


def sign_in(client, password="correct horse", username="ann", **more):
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    form = {"username": username, "password": password, "csrf_token": token, **more}
    return client.post("/login", data=form)


def test_who_signs_in_is_known_until_they_sign_out(client, ann):
    response = sign_in(client)
    assert (response.status_code, response.headers["Location"]) == (303, "/workflows")
    assert client.get("/api/users/me").json["username"] == "ann"
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    assert client.get("/api/users/me").status_code == 401


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client, ann):
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_session_cookie_stays_on_https(client):
    cookie = client.get("/login", base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" in cookie


def test_a_wrong_password_shows_the_form_again_and_says_so(client, ann):
    response = sign_in(client, "wrong")
    assert response.status_code == 422
    page = response.get_data(as_text=True)
    assert "The username or the password is wrong." in page
    assert 'value="ann"' in page
    assert "wrong&#34;" not in page
    assert client.get("/api/users/me").status_code == 401


@pytest.mark.parametrize("form", [{}, {"username": "ann"}, {"username": "ann", "extra": "x"}])
def test_an_incomplete_form_is_shown_again(client, ann, form):
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    assert client.post("/login", data={**form, "csrf_token": token}).status_code == 422


@pytest.mark.parametrize("field", ["username", "password", "next"])
def test_a_form_with_a_nul_is_refused_before_any_database_sees_it(client, field):
    response = sign_in(client, **{field: "a\0b"})
    assert response.status_code == 400
    assert response.mimetype == "text/html"


def test_signing_in_needs_the_csrf_token_too(client, ann):
    response = client.post("/login", data={"username": "ann", "password": "correct horse"})
    assert response.status_code == 400
    assert response.mimetype == "text/html"


def test_a_new_password_ends_the_session(client, ann):
    sign_in(client)
    people_rules.set_password(console(), "ann", "battery staple")
    assert client.get("/api/users/me").status_code == 401


def test_too_many_attempts_must_wait_even_with_the_right_password(app, client, ann, monkeypatch):
    monkeypatch.setattr(people_rules, "check_password_hash", lambda *_: False)
    for _ in range(TRIES_PER_NAME):
        assert sign_in(client, "guess").status_code == 422
    monkeypatch.undo()
    response = sign_in(client)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 301
    assert sign_in(client, username="bob").status_code == 422


def test_trying_one_password_on_many_people_must_wait_as_well(client, ann, monkeypatch):
    monkeypatch.setattr(people_rules, "check_password_hash", lambda *_: False)
    statuses = [
        sign_in(client, username=f"user{n}").status_code for n in range(TRIES_PER_ADDRESS + 1)
    ]
    assert statuses == [422] * TRIES_PER_ADDRESS + [429]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "unix", False),
    ],
)
def test_tries_from_one_ipv6_network_count_together(one, other, is_same):
    assert (sender(one) == sender(other)) == is_same


@pytest.fixture
def app(settings):
    """Its own: views are added to it."""
    yield from application.own(settings, hold_against_the_contract)


@pytest.fixture
def private_page(app):
    """A view as anybody might add it, without a word about who may see it."""
    app.add_url_rule("/private", view_func=lambda: "hello", methods=["GET", "POST"])


@pytest.mark.usefixtures("private_page", "ann")
def test_a_new_page_is_closed_and_who_signs_in_comes_back_to_it(client):
    response = client.get("/private?search=a")
    assert response.status_code == 303
    assert response.headers["Location"] == "/login?next=/private%3Fsearch%3Da"
    assert sign_in(client, next="/private?search=a").headers["Location"] == "/private?search=a"
    assert client.get("/private").text == "hello"


@pytest.mark.usefixtures("private_page")
def test_a_fragment_after_the_session_has_ended_moves_the_whole_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/runs/1?x=1"}
    response = client.get("/private", headers=headers)
    assert (response.status_code, response.text) == (401, "")
    assert response.headers["HX-Redirect"] == "/login?next=/runs/1"


@pytest.mark.usefixtures("private_page")
@pytest.mark.parametrize("address", ["http://[", "", "no address", "http://[::1]:x/"])
def test_a_fragment_that_came_from_nowhere_is_sent_to_sign_in_as_well(client, address):
    headers = {"HX-Request": "true", "HX-Current-URL": address}
    response = client.get("/private", headers=headers)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"].startswith("/login")


def test_an_error_in_a_fragment_is_a_fragment(people):
    response = people.user.browser().get("/nothing", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert response.text.startswith("<p")
    assert "<html" not in response.text


@pytest.mark.usefixtures("private_page")
def test_a_page_takes_no_token(client, people):
    assert client.get("/private", headers=people.sysadmin.headers()).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/runs/1?x=%2F", "/runs/1?x=%2F"),
        ("/", "/"),
        (None, "/workflows"),
        ("", "/workflows"),
        ("https://evil.example/", "/workflows"),
        ("//evil.example/", "/workflows"),
        ("/\\evil.example", "/workflows"),
        ("/a\\b", "/workflows"),
        ("/\t/evil.example", "/workflows"),
        ("/a\r\nSet-Cookie: x", "/workflows"),
        ("javascript:alert(1)", "/workflows"),
        ("runs", "/workflows"),
        ("/login", "/workflows"),
    ],
)
def test_the_way_back_never_leaves_the_site(wanted, goes_to):
    assert after_sign_in(wanted) == goes_to


def test_the_theme_is_remembered_and_can_be_left_to_the_system(people):
    browser = people.user.browser()
    browser.post("/theme", data={"theme": "dark", "next": "/runs"})
    assert 'data-theme="dark"' in browser.get("/login").get_data(as_text=True)
    browser.post("/theme", data={"theme": "system"})
    assert "data-theme" not in browser.get("/login").get_data(as_text=True)

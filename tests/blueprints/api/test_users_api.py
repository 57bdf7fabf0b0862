"""People over the API: their facts, passwords and tokens."""

from datetime import datetime

import pytest

from blueprints.shared.throttling import TRIES_PER_NAME
from domain.accounts import tokens
from domain.accounts import users as people_rules
from domain.accounts.access import console
from domain.clock import now
from domain.models import AuditEvent, Token, User

FACTS = {"displayName": "Ann B.", "email": "ann@example.org", "isSystemAdmin": True}


@pytest.fixture
def ann(app) -> User:
    return people_rules.create_user(console(), "ann", password="correct horse")


@pytest.fixture
def of_ann(client, ann):
    """A client's method with a token of ann."""
    _, text = tokens.create_token(console(), ann, "laptop", scope="write")
    return Caller(client, {"Authorization": f"Bearer {text}"})


@pytest.fixture
def root(client, people):
    return Caller(client, people.sysadmin.headers())


class Caller:
    """Sends JSON with a token."""

    def __init__(self, client, headers):
        self.client, self.headers = client, headers

    def __getattr__(self, method):
        def send(path, json=None):
            return self.client.open(path, method=method.upper(), json=json, headers=self.headers)

        return send


def fault(response) -> tuple[int, str, str]:
    (detail,) = response.json["error"]["details"]
    return response.status_code, detail["field"], detail["code"]


# ---- facts -----------------------------------------------------------------------------------


def test_a_system_admin_changes_somebody_at_once(root, of_ann):
    assert of_ann.get("/api/users").status_code == 403
    changed = root.put("/api/users/ann", FACTS)
    assert changed.status_code == 200
    assert changed.json == root.get("/api/users/ann").json
    assert {name: changed.json[name] for name in FACTS} == FACTS
    assert of_ann.get("/api/users").status_code == 200


@pytest.mark.parametrize("missing", sorted(FACTS))
def test_a_fact_that_is_left_out_is_not_taken_away(root, ann, missing):
    given = {name: value for name, value in FACTS.items() if name != missing}
    assert fault(root.put("/api/users/ann", given)) == (422, f"/{missing}", "required")
    assert User.get_by_id(ann.id).display_name == ""


def test_the_only_system_admin_cannot_lose_the_role(root, people):
    refused = root.put("/api/users/sysadmin", {**FACTS, "isSystemAdmin": False})
    assert refused.json["error"]["code"] == "last_system_admin"
    assert fault(refused) == (409, "/isSystemAdmin", "not_allowed")
    assert root.get("/api/users").status_code == 200


def test_a_deleted_user_is_gone_at_once(root, of_ann):
    assert root.delete("/api/users/ann").status_code == 204
    assert of_ann.get("/api/users/me").status_code == 401
    assert root.get("/api/users/ann").status_code == 404
    assert root.delete("/api/users/ann").status_code == 404


def test_nobody_deletes_their_own_account(root):
    refused = root.delete("/api/users/sysadmin")
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "own_account")


def test_people_change_their_own_name_and_address_and_nothing_else(of_ann):
    own = {"displayName": "Ann B.", "email": "ann@example.org"}
    changed = of_ann.put("/api/users/me", own)
    assert changed.status_code == 200
    assert changed.json == of_ann.get("/api/users/me").json
    assert {name: changed.json[name] for name in own} == own
    refused = of_ann.put("/api/users/me", {**own, "isSystemAdmin": True})
    assert fault(refused) == (422, "/isSystemAdmin", "unknown_field")
    assert of_ann.put("/api/users/ann", FACTS).status_code == 403
    (event,) = AuditEvent.select().where(AuditEvent.action == "change")
    assert (event.actor, event.object_id) == ("ann", "ann")


def test_an_address_of_full_length_is_taken(of_ann):
    email = "a" * 308 + "@example.org"
    own = {"displayName": "", "email": email}
    assert of_ann.put("/api/users/me", own).json["email"] == email
    longer = {"displayName": "", "email": "a" + email}
    assert fault(of_ann.put("/api/users/me", longer)) == (422, "/email", "too_long")


@pytest.mark.parametrize("word", ["me", "tokens"])
def test_no_user_is_meant_by_a_word_with_a_meaning_of_its_own(root, word):
    refused = root.delete(f"/api/users/{word}")
    assert refused.status_code == 405
    assert "DELETE" not in refused.headers["Allow"]
    body = {"password": "battery staple"}
    assert root.put(f"/api/users/{word}/password", body).status_code == 404
    assert root.get(f"/api/users/{word}s").status_code == 404


@pytest.mark.parametrize("email", ["a b@example.org", "a@example.org\n", "\u00a0", "a\0b"])
def test_an_address_with_a_space_or_a_control_character_is_refused(of_ann, email):
    refused = of_ann.put("/api/users/me", {"displayName": "", "email": email})
    assert fault(refused) == (422, "/email", "invalid_text")


# ---- passwords -------------------------------------------------------------------------------


def test_a_system_admin_gives_somebody_a_password_and_their_sessions_end(root, app, ann, people):
    browser = people.user.browser()
    assert browser.get("/api/users/me").status_code == 200
    answer = root.put("/api/users/user/password", {"password": "battery staple"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert browser.get("/api/users/me").status_code == 401
    assert people_rules.sign_in("user", "battery staple")


def test_people_change_their_own_password_when_they_know_it(of_ann):
    body = {"password": "battery staple", "currentPassword": "correct horse"}
    assert of_ann.put("/api/users/ann/password", body).status_code == 204
    assert people_rules.sign_in("ann", "battery staple")
    assert of_ann.get("/api/users/me").status_code == 200  # tokens stay


@pytest.mark.parametrize(
    ("more", "code"), [({}, "required"), ({"currentPassword": "guess"}, "wrong_password")]
)
def test_even_a_system_admin_must_know_their_own_password(root, people, more, code):
    people_rules.set_password(console(), "sysadmin", "correct horse")
    refused = root.put("/api/users/sysadmin/password", {"password": "battery staple", **more})
    assert refused.json["error"]["code"] == "wrong_credentials"
    assert fault(refused) == (403, "/currentPassword", code)
    assert people_rules.sign_in("sysadmin", "correct horse")


def test_nobody_changes_the_password_of_somebody_else(of_ann, people):
    body = {"password": "battery staple", "currentPassword": "correct horse"}
    assert of_ann.put("/api/users/user/password", body).status_code == 403
    assert of_ann.put("/api/users/gone/password", body).status_code == 403


def test_a_token_that_may_only_read_changes_no_password(client, ann):
    _, text = tokens.create_token(console(), ann, "r")
    body = {"password": "battery staple", "currentPassword": "correct horse"}
    headers = {"Authorization": f"Bearer {text}"}
    refused = client.put("/api/users/ann/password", json=body, headers=headers)
    assert refused.json["error"]["code"] == "read_only_token"


def test_a_short_password_is_refused(root, ann):
    refused = root.put("/api/users/ann/password", {"password": "short"})
    assert fault(refused) == (422, "/password", "too_short")


def test_who_has_a_token_does_not_guess_the_password_for_long(of_ann, monkeypatch):
    monkeypatch.setattr(people_rules, "check_password_hash", lambda *_: False)
    body = {"password": "battery staple", "currentPassword": "guess"}
    for _ in range(TRIES_PER_NAME):
        assert of_ann.put("/api/users/ann/password", body).status_code == 403
    refused = of_ann.put("/api/users/ann/password", body)
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "too_many_attempts")
    assert int(refused.headers["Retry-After"]) > 0


# ---- tokens ----------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_never_again(of_ann, client):
    made = of_ann.post("/api/users/tokens", {"name": "nightly", "scopes": ["write"]})
    assert made.status_code == 201
    text = made.json.pop("token")
    assert made.headers["Location"] == f"/api/users/tokens/{made.json['id']}"
    me = client.get("/api/users/me", headers={"Authorization": f"Bearer {text}"})
    assert (me.json["username"], me.json["scope"]) == ("ann", "write")
    listed = of_ann.get("/api/users/tokens")
    assert [item["name"] for item in listed.json["items"]] == ["nightly", "laptop"]
    kept = listed.text + str(list(Token.select().dicts())) + str(list(AuditEvent.select().dicts()))
    assert text.removeprefix("gal_") not in kept


@pytest.mark.parametrize(
    ("given", "scopes", "may_write"),
    [
        ({}, ["read"], False),
        ({"scopes": ["read"]}, ["read"], False),
        ({"scopes": ["write"]}, ["read", "write"], True),
        ({"scopes": ["read", "write"]}, ["read", "write"], True),
    ],
)
def test_a_token_has_the_scopes_that_were_asked_for(of_ann, client, given, scopes, may_write):
    made = of_ann.post("/api/users/tokens", {"name": "t", **given})
    assert made.json["scopes"] == scopes
    headers = {"Authorization": f"Bearer {made.json['token']}"}
    again = client.post("/api/users/tokens", json={"name": "child"}, headers=headers)
    assert again.status_code == (201 if may_write else 403)


@pytest.mark.parametrize("scopes", [[], ["admin"], "write", None])
def test_a_scope_that_is_none_is_refused(of_ann, scopes):
    refused = of_ann.post("/api/users/tokens", {"name": "t", "scopes": scopes})
    assert refused.status_code == 422
    assert refused.json["error"]["details"][0]["field"].startswith("/scopes")


def test_a_token_lasts_as_many_days_as_were_asked_for(of_ann, client):
    made = of_ann.post("/api/users/tokens", {"name": "t", "expiresIn": 2}).json
    made_at, ends = (datetime.fromisoformat(made[name]) for name in ("createdAt", "expiresAt"))
    assert abs((ends - made_at).total_seconds() - 2 * 86_400) < 1
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/api/users/me", headers=headers).status_code == 200
    Token.update(expires_at=now()).where(Token.id == made["id"]).execute()
    refused = client.get("/api/users/me", headers=headers)
    assert (refused.status_code, refused.json["error"]["code"]) == (401, "invalid_token")
    assert "expired" in refused.json["error"]["message"]


@pytest.mark.parametrize("days", [0, -1, 3651, 1.5, "7"])
def test_a_number_of_days_that_is_none_is_refused(of_ann, days):
    refused = of_ann.post("/api/users/tokens", {"name": "t", "expiresIn": days})
    assert refused.status_code == 422
    assert refused.json["error"]["details"][0]["field"] == "/expiresIn"


def test_a_token_without_a_number_of_days_lasts_and_says_when_it_was_used(of_ann):
    (item,) = of_ann.get("/api/users/tokens").json["items"]
    assert item["expiresAt"] is None
    assert item["lastUsedAt"] >= item["createdAt"]
    made = of_ann.post("/api/users/tokens", {"name": "t"}).json
    assert made["lastUsedAt"] is None


def test_a_token_is_worth_what_its_user_is_at_that_moment(of_ann, root):
    assert of_ann.get("/api/users").status_code == 403
    root.put("/api/users/ann", FACTS)
    assert of_ann.get("/api/users").status_code == 200
    root.put("/api/users/ann", {**FACTS, "isSystemAdmin": False})
    assert of_ann.get("/api/users").status_code == 403

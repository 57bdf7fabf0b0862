import re

import pytest

from domain.accounts import tokens, users
from domain.accounts.access import console
from domain.clock import now
from domain.errors import Conflict, NotFound, NotSignedIn
from domain.models import AuditEvent, Token, User
from domain.pagination import Page
from tests.support.passwords import REAL_HASH

pytestmark = pytest.mark.usefixtures("database")


def ann(**more: object) -> User:
    return users.create_user(console(), "ann", **more)


def token_of(user: User, **more: object) -> tuple[Token, str]:
    return tokens.create_token(console(), user, "laptop", **more)


def test_who_knows_the_password_gets_in():
    ann(password="correct horse")
    assert users.sign_in("ann", "correct horse").username == "ann"


@pytest.mark.parametrize(
    ("username", "password"), [("ann", "wrong"), ("bob", "correct horse"), ("ann", ""), ("", "")]
)
def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nobody(username, password):
    ann(password="correct horse")
    with pytest.raises(NotSignedIn) as error:
        users.sign_in(username, password)
    assert error.value.message == "The username or the password is wrong."


def test_a_user_without_a_password_cannot_sign_in_with_an_empty_one():
    ann()
    with pytest.raises(NotSignedIn):
        users.sign_in("ann", "")


def test_a_password_is_not_kept_as_it_is():
    ann(password="correct horse")
    assert "horse" not in User.get().password_hash


def test_a_password_is_hashed_as_strong_as_is_recommended(monkeypatch):
    monkeypatch.setattr(users, "PASSWORD_HASH", REAL_HASH)
    assert ann(password="correct horse").password_hash.startswith("scrypt:32768:8:1$")
    assert users.sign_in("ann", "correct horse").username == "ann"


def test_a_new_password_ends_the_sessions_of_the_old_one():
    user = ann(password="correct horse")
    assert users.of_session(user.id, 1) == user
    users.set_password(console(), "ann", "battery staple")
    assert users.of_session(user.id, 1) is None
    assert users.of_session(user.id, 2) == user
    assert users.sign_in("ann", "battery staple") == user


def test_a_username_is_taken_once():
    ann()
    with pytest.raises(Conflict) as error:
        ann()
    assert error.value.code == "duplicate_name"
    assert User.select().count() == 1


def test_a_token_is_long_and_begins_with_gal_and_is_kept_as_a_hash_only():
    row, text = token_of(ann())
    assert re.fullmatch(r"gal_[A-Za-z0-9_-]{43}", text)
    assert text not in str(Token.select().dicts().get())
    assert len(row.hash) == 64


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_stands_for_its_user_with_its_scope(scope):
    user = ann()
    _, text = token_of(user, scope=scope)
    assert tokens.use_token(text) == tokens.Used(user, scope)


@pytest.mark.parametrize("text", ["", "gal_", "gal_" + "x" * 43, "\ud800", "ä" * 5000])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(NotSignedIn):
        tokens.use_token(text)


def test_a_token_ends_with_its_last_day():
    user = ann()
    row, text = token_of(user, days=1)
    assert tokens.use_token(text)
    Token.update(expires_at=now()).where(Token.id == row.id).execute()
    with pytest.raises(NotSignedIn, match="expired"):
        tokens.use_token(text)


def test_the_use_of_a_token_is_noted_at_most_once_a_minute():
    row, text = token_of(ann())
    tokens.use_token(text)
    noted = Token.get_by_id(row.id).last_used_at
    assert noted
    earlier = noted - tokens.USE_NOTED_EVERY_MS + 5_000
    Token.update(last_used_at=earlier).execute()
    tokens.use_token(text)
    assert Token.get_by_id(row.id).last_used_at == earlier
    Token.update(last_used_at=earlier - 10_000).execute()
    tokens.use_token(text)
    assert Token.get_by_id(row.id).last_used_at >= noted


def test_a_revoked_token_lets_nobody_in():
    user = ann()
    row, text = token_of(user)
    tokens.revoke_token(_as(user), row.id)
    with pytest.raises(NotSignedIn):
        tokens.use_token(text)


def test_nobody_revokes_the_token_of_somebody_else():
    row, text = token_of(ann())
    bob = users.create_user(console(), "bob")
    with pytest.raises(NotFound):
        tokens.revoke_token(_as(bob), row.id)
    assert tokens.use_token(text)


def test_tokens_are_listed_newest_first():
    user = ann()
    made = [token_of(user)[0].id for _ in range(3)]
    rows, total = tokens.list_tokens(user.id, Page(1, 2))
    assert total == 3
    assert {row.id for row in rows} <= set(made)
    assert [row.id for row in rows] == sorted(made, reverse=True)[:2]


def test_every_change_is_in_the_audit_with_who_and_where_but_no_secret():
    user = ann(password="correct horse")
    _, text = token_of(user)
    users.set_password(console("root"), "ann", "battery staple")
    events = list(AuditEvent.select().order_by(AuditEvent.id))
    assert {(e.actor, e.action, e.object_kind) for e in events} == {
        ("console", "create", "user"),
        ("console", "create", "token"),
        ("root", "change_password", "user"),
    }
    for secret in (text, "correct horse", "battery staple"):
        assert all(secret not in str(e.detail) for e in events)


def _as(user: User):
    return users.Actor(user.id, user.username)

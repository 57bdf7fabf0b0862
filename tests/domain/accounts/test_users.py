"""Changing and deleting users, their passwords, and what the audit says of it."""

import threading

import pytest

from domain.accounts import tokens, users
from domain.accounts.access import Actor, console
from domain.errors import Conflict, Forbidden, NotFound, NotSignedIn
from domain.models import AuditEvent, Member, Project, Token, User, db

ROOT = console("root")


@pytest.fixture(autouse=True)
def root(database) -> User:
    return users.create_user(console(), "root", is_system_admin=True)


@pytest.fixture
def ann() -> User:
    return users.create_user(ROOT, "ann", password="correct horse", display_name="Ann")


def acting(user: User) -> Actor:
    return Actor(user.id, user.username, user.is_system_admin, address="192.0.2.1")


def events(**what: str) -> list[AuditEvent]:
    query = AuditEvent.select().order_by(AuditEvent.id)
    return list(query.where(*(getattr(AuditEvent, name) == value for name, value in what.items())))


# ---- facts -----------------------------------------------------------------------------------


def test_a_change_of_a_user_is_made_and_told_from_what_to_what(ann):
    values = {"display_name": "Ann B.", "email": "", "is_system_admin": True}
    changed = users.change_user(ROOT, "ann", values)
    assert (changed.display_name, changed.is_system_admin) == ("Ann B.", True)
    (event,) = events(action="change")
    assert (event.actor, event.object_kind, event.object_id) == ("root", "user", "ann")
    assert event.detail == {
        "changed": {
            "displayName": {"from": "Ann", "to": "Ann B."},
            "isSystemAdmin": {"from": False, "to": True},
        }
    }


def test_nobody_can_be_changed_or_deleted_who_does_not_exist():
    with pytest.raises(NotFound):
        users.change_user(ROOT, "gone", {"display_name": ""})
    with pytest.raises(NotFound):
        users.delete_user(ROOT, "gone")
    assert not events(action="change")
    assert not events(action="delete")


def test_the_only_system_admin_stays_one(ann):
    with pytest.raises(Conflict) as refused:
        users.change_user(ROOT, "root", {"is_system_admin": False})
    assert refused.value.code == "last_system_admin"
    assert refused.value.details[0]["field"] == "/isSystemAdmin"
    assert User.get(User.username == "root").is_system_admin
    users.change_user(ROOT, "root", {"display_name": "Root"})
    users.change_user(ROOT, "ann", {"is_system_admin": True})
    users.change_user(ROOT, "root", {"is_system_admin": False})
    assert [user.username for user in User.select().where(User.is_system_admin)] == ["ann"]


@pytest.mark.parametrize(
    "end",
    [
        lambda mine, other: users.change_user(mine, other, {"is_system_admin": False}),
        users.delete_user,
    ],
)
def test_of_two_who_end_each_other_at_once_one_stays(ann, end):
    users.change_user(ROOT, "ann", {"is_system_admin": True})
    barrier = threading.Barrier(2)
    refused = []

    def act(mine: str, other: str) -> None:
        with db.obj.connection_context():
            barrier.wait()
            try:
                end(console(mine), other)
            except Conflict as conflict:
                refused.append(conflict.code)

    threads = [
        threading.Thread(target=act, args=names) for names in [("root", "ann"), ("ann", "root")]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_system_admin"]
    assert User.select().where(User.is_system_admin).count() == 1


def test_a_deleted_user_leaves_with_tokens_sessions_and_roles_and_history_keeps_the_name(ann):
    project = Project.create(id="pond", name="Pond", created_by="ann")
    Member.create(project=project, user=ann, role="User")
    _, text = tokens.create_token(acting(ann), ann, "laptop")
    users.delete_user(ROOT, "ann")
    with pytest.raises(NotSignedIn):
        tokens.use_token(text)
    with pytest.raises(NotSignedIn):
        users.sign_in("ann", "correct horse")
    assert users.of_session(ann.id, ann.session_number) is None
    assert not Member.select().exists()
    assert not Token.select().exists()
    assert Project.get().created_by == "ann"
    assert events(actor="ann", object_kind="token")
    (event,) = events(action="delete")
    assert (event.actor, event.object_kind, event.object_id) == ("root", "user", "ann")


def test_nobody_deletes_their_own_account(ann):
    users.change_user(ROOT, "ann", {"is_system_admin": True})
    with pytest.raises(Conflict) as refused:
        users.delete_user(console("ann"), "ann")
    assert refused.value.code == "own_account"
    assert users.get_user("ann")


# ---- passwords -------------------------------------------------------------------------------


def test_who_knows_their_password_gives_themselves_another_and_all_sessions_end(ann):
    users.change_own_password(acting(ann), "correct horse", "battery staple")
    assert users.of_session(ann.id, ann.session_number) is None
    assert users.sign_in("ann", "battery staple")
    (event,) = events(action="change_password")
    assert (event.actor, event.object_id, event.detail) == ("ann", "ann", {})


@pytest.mark.parametrize(
    ("current", "code"), [(None, "required"), ("", "wrong_password"), ("guess", "wrong_password")]
)
def test_who_does_not_know_their_password_keeps_it(ann, current, code):
    with pytest.raises(Forbidden) as refused:
        users.change_own_password(acting(ann), current, "battery staple")
    assert refused.value.code == "wrong_credentials"
    assert [(f["field"], f["code"]) for f in refused.value.details] == [("/currentPassword", code)]
    assert users.sign_in("ann", "correct horse")
    failed = events(action="change_password_failed")
    assert [event.actor for event in failed] == (["ann"] if current is not None else [])


def test_who_has_no_password_cannot_give_themselves_one():
    """A token would become a password that outlives it."""
    bob = users.create_user(ROOT, "bob")
    with pytest.raises(Forbidden):
        users.change_own_password(acting(bob), "", "battery staple")
    assert users.get_user("bob").password_hash is None


# ---- signing in and out ----------------------------------------------------------------------


def test_a_sign_in_is_recorded_with_who_and_from_where(ann):
    users.sign_in("ann", "correct horse", address="192.0.2.7")
    (event,) = events(action="sign_in")
    assert (event.actor, event.object_kind, event.object_id) == ("ann", "user", "ann")
    assert (event.address, event.detail, event.project_id) == ("192.0.2.7", {}, None)


@pytest.mark.parametrize("name", ["ann", "nobody", "", "x" * 300])
def test_a_failed_sign_in_is_recorded_by_nobody_with_the_name_as_typed(ann, name):
    with pytest.raises(NotSignedIn):
        users.sign_in(name, "hunter2hunter2", address="192.0.2.7")
    (event,) = events(action="sign_in_failed")
    assert (event.actor, event.object_kind, event.object_id) == ("", "user", name[:100])
    assert event.address == "192.0.2.7"
    assert "hunter2" not in str(vars(event))


def test_a_sign_out_is_recorded(ann):
    users.sign_out(acting(ann))
    (event,) = events(action="sign_out")
    assert (event.actor, event.object_id, event.address) == ("ann", "ann", "192.0.2.1")


def test_the_use_of_a_token_is_not_recorded(ann):
    _, text = tokens.create_token(acting(ann), ann, "laptop")
    before = AuditEvent.select().count()
    tokens.use_token(text)
    with pytest.raises(NotSignedIn):
        tokens.use_token("gal_guess")
    assert AuditEvent.select().count() == before

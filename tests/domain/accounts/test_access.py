import pytest

from domain.accounts import access
from domain.accounts.access import (
    ADMIN,
    PROJECT_ROLES,
    ROLES,
    SUPER_USER,
    SYSTEM_ADMIN,
    USER,
    Actor,
)
from domain.errors import Forbidden, NotFound
from domain.models import Member, Project, User


def actor(role: str | None, scope: str = "write") -> Actor:
    roles = {"pond": role} if role in PROJECT_ROLES else {}
    return Actor("1", "ann", is_system_admin=role == SYSTEM_ADMIN, roles=roles, scope=scope)


@pytest.mark.parametrize("own", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_a_role_may_do_what_the_roles_below_it_may(own, needed):
    assert actor(own).may(needed, "pond") == (ROLES.index(own) >= ROLES.index(needed))


@pytest.mark.parametrize("needed", ROLES)
def test_a_stranger_may_nothing_and_learns_nothing(needed):
    stranger = Actor("1", "ann", roles={"elsewhere": ADMIN})
    assert not stranger.may(needed, "pond")
    with pytest.raises(NotFound) as there:
        access.require(stranger, needed, "pond")
    assert there.value.message == access.missing("project", "pond").message


def test_the_sentence_names_what_was_asked_for_and_not_the_project():
    with pytest.raises(NotFound, match="no run '12'") as error:
        access.require(actor(None), USER, "pond", kind="run", name="12")
    assert "pond" not in error.value.message


@pytest.mark.parametrize(
    ("own", "needed"), [(USER, SUPER_USER), (USER, ADMIN), (SUPER_USER, ADMIN)]
)
def test_a_member_who_may_not_is_told_which_role_it_takes(own, needed):
    with pytest.raises(Forbidden) as error:
        access.require(actor(own), needed, "pond")
    assert error.value.extra == {"requiredRole": needed, "yourRole": own}
    assert error.value.code == "forbidden"


@pytest.mark.parametrize("own", ROLES)
def test_a_read_token_reads_and_changes_nothing_whatever_the_role(own):
    reader = actor(own, scope="read")
    access.require(reader, USER, "pond")
    for needed in ROLES[1 : ROLES.index(own) + 1]:
        with pytest.raises(Forbidden) as error:
            access.require(reader, needed, "pond")
        assert error.value.code == "read_only_token"
        assert error.value.extra["yourRole"] == own


def test_too_low_a_role_is_told_before_too_low_a_scope():
    with pytest.raises(Forbidden) as error:
        access.require(actor(USER, scope="read"), ADMIN, "pond")
    assert error.value.code == "forbidden"


def test_a_system_admin_with_a_read_token_reads_the_system_and_changes_nothing():
    reader = actor(SYSTEM_ADMIN, scope="read")
    access.require_system_admin(reader, changes=False)
    with pytest.raises(Forbidden) as error:
        access.require_system_admin(reader)
    assert error.value.code == "read_only_token"


@pytest.mark.parametrize("changes", [True, False])
def test_nobody_else_is_let_near_the_system(changes):
    with pytest.raises(Forbidden) as error:
        access.require_system_admin(actor(ADMIN), changes=changes)
    assert error.value.extra == {"requiredRole": SYSTEM_ADMIN, "yourRole": None}


def test_an_actor_has_the_roles_that_their_user_has_at_this_moment(database):
    ann = User.create(username="ann")
    Project.create(id="pond", name="Pond", created_by="x")
    Member.create(project="pond", user=ann, role=SUPER_USER)
    assert access.actor_of(ann).roles == {"pond": SUPER_USER}
    Member.delete().execute()
    assert access.actor_of(ann).roles == {}


def test_the_console_may_everything():
    assert access.console().may(SYSTEM_ADMIN, "anything")

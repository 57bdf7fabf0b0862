"""Secrets of a project: kept encrypted, told to workers only."""

import pytest

from domain.accounts.access import console
from domain.engine import StepFailed
from domain.errors import Invalid, NotFound
from domain.models import AuditEvent, Project, Secret
from domain.pagination import Page
from domain.projects import secrets as project_secrets
from domain.projects.secret_values import is_everyday, is_reserved, values_of
from domain.secret_key import Keys
from tests.support.keys import KEYS

ANN = console("ann")
PEM = "-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n"


@pytest.fixture
def pond(database):
    return Project.create(id="pond", name="Pond", created_by="ann")


def put(project, name="TOKEN", value="correct horse", keys=KEYS):
    return project_secrets.put_secret(ANN, project, name, value, keys)


def test_workers_get_back_exactly_what_was_set_last(pond):
    assert put(pond)[1] is True
    assert put(pond, value="battery staple")[1] is False
    put(pond, "KEY", PEM)
    put(Project.create(id="lake", name="Lake", created_by="ann"), "OTHER")
    assert values_of("pond", KEYS) == {"KEY": PEM, "TOKEN": "battery staple"}


def test_a_project_without_secrets_has_none(pond):
    assert values_of("pond", KEYS) == {}


def test_what_is_kept_does_not_show_the_value_or_that_two_are_equal(pond):
    put(pond, "ONE")
    put(pond, "TWO")
    one, two = (bytes(row.value) for row in Secret.select())
    assert one != two
    assert b"correct horse" not in one + two


def test_a_list_has_the_names_in_order_who_set_them_and_no_values(pond):
    for name in ("B", "C", "A"):
        put(pond, name)
    rows, total = project_secrets.list_secrets(pond, Page(1, 2))
    assert ([row.name for row in rows], total) == (["A", "B"], 3)
    assert {row.updated_by for row in rows} == {"ann"}
    assert all(row.value is None for row in rows)


def test_a_deleted_secret_is_gone(pond):
    put(pond)
    project_secrets.delete_secret(ANN, pond, "TOKEN")
    assert values_of("pond", KEYS) == {}
    with pytest.raises(NotFound):
        project_secrets.delete_secret(ANN, pond, "TOKEN")


def test_another_secret_key_cannot_read_them_and_the_sentence_names_the_secret(pond):
    put(pond, keys=Keys("another key of at least 32 characters"))
    with pytest.raises(StepFailed, match=r"secret TOKEN .* another secret key.*GALLEY_SECRET_KEY"):
        values_of("pond", KEYS)


@pytest.mark.parametrize("change", [{"project": "lake"}, {"name": "OTHER"}])
def test_a_row_that_was_moved_elsewhere_is_worth_nothing_there(pond, change):
    Project.create(id="lake", name="Lake", created_by="ann")
    put(pond)
    Secret.update(**change).execute()
    moved = Secret.get()
    with pytest.raises(StepFailed, match=f"secret {moved.name} was not stored for this project"):
        values_of(moved.project_id, KEYS)


def test_a_project_takes_a_limited_number_of_secrets(pond, monkeypatch):
    monkeypatch.setattr(project_secrets, "MAX_SECRETS", 2)
    put(pond, "A")
    put(pond, "B")
    with pytest.raises(Invalid, match="at most 2 secrets"):
        put(pond, "C")
    put(pond, "B", "battery staple")
    assert values_of("pond", KEYS) == {"A": "correct horse", "B": "battery staple"}
    assert AuditEvent.select().count() == 3


def test_the_audit_tells_names_and_never_values(pond):
    put(pond)
    put(pond, value="battery staple")
    project_secrets.delete_secret(ANN, pond, "TOKEN")
    events = list(AuditEvent.select().order_by(AuditEvent.id))
    assert [(e.action, e.object_kind, e.object_id, e.project_id) for e in events] == [
        ("put", "secret", "TOKEN", "pond"),
        ("put", "secret", "TOKEN", "pond"),
        ("delete", "secret", "TOKEN", "pond"),
    ]
    assert [event.detail for event in events] == [{"isNew": True}, {"isNew": False}, {}]


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LANG", "TMPDIR", "CI", "_", "GALLEY_", "GALLEY_X"]
)
def test_names_with_a_meaning_of_their_own_are_reserved(name):
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["TOKEN", "path", "PATH_", "_X", "MY_GALLEY_TOKEN"])
def test_other_names_are_free(name):
    assert not is_reserved(name)


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "docker",
        "production",
        " Postgres\n",
        "password1",
        "Schlüssel!",
        "12345678",
        "-" * 40,
    ],
)
def test_a_value_that_stands_in_logs_by_chance_is_an_everyday_one(value):
    assert is_everyday(value)


@pytest.mark.parametrize(
    "value",
    [
        "correct horse",
        "ghp_16C7e42F292c6912E7",
        "4111111111111111",
        PEM,
        "xK3#pQ9!",
        "a1b2c3d4e5f6",
    ],
)
def test_other_values_are_not(value):
    assert not is_everyday(value)

"""The pages of projects: all of them, and of one its name, its members and its test suites."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Ingredient, Member, Project, TestSuite
from tests.support.forms import fields_of
from tests.support.people import People
from tests.support.world import World

SETTINGS = "/projects/pond/settings"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


@pytest.fixture
def admin(people: People) -> FlaskClient:
    return people.admin.browser()


# ---- all of them -----------------------------------------------------------------------------


def test_the_list_has_what_the_reader_may_read_and_as_what(people: People) -> None:
    page = people.superuser.browser().get("/projects").text
    assert "Pond" in page
    assert "<td>SuperUser</td>" in page
    assert "Elsewhere" not in page
    everything = people.sysadmin.browser().get("/projects").text
    assert "Pond" in everything
    assert "Elsewhere" in everything


def test_a_system_admin_makes_a_project_and_is_led_to_its_members(people: People) -> None:
    visitor = people.sysadmin.browser()
    given = {"id": "lake", "name": " The lake ", "description": ""}
    response = visitor.post("/projects", data=given)
    assert (response.status_code, response.location) == (303, "/projects/lake/settings/members")
    assert (Project.get_by_id("lake").name, Project.get_by_id("lake").description) == (
        "The lake",
        "",
    )
    page = visitor.get(response.location).text
    assert "Project The lake created." in page
    assert "No members" in page


def test_who_may_not_make_a_project_reads_who_may(admin: FlaskClient) -> None:
    page = admin.get("/projects").text
    assert "Creating a project needs the role <strong>System_Admin</strong>" in page
    assert "id" not in fields_of(page)


def test_a_project_that_is_refused_is_shown_as_it_was_typed(people: People) -> None:
    visitor = people.sysadmin.browser()
    given = {"id": "The Lake", "name": "", "description": "Deep."}
    response = visitor.post("/projects", data=given)
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert {name: fields[name].value for name in given} == given
    assert "Must begin with a small letter" in fields["id"].fault
    assert fields["name"].fault == "Must not be empty."
    assert fields["name"].is_invalid
    assert not fields["description"].is_invalid
    assert "fault-list" not in response.text
    assert Project.get_or_none(Project.id == "The Lake") is None


def test_the_id_of_another_project_is_taken(people: People) -> None:
    given = {"id": "elsewhere", "name": "Mine"}
    response = people.sysadmin.browser().post("/projects", data=given)
    assert response.status_code == 409
    assert "is taken" in fields_of(response.text)["id"].fault
    assert Project.get_by_id("elsewhere").name == "Elsewhere"


# ---- one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["", "members", "testsuites", "environments", "ingredients", "secrets"]
)
def test_each_part_says_where_it_is_and_what_the_reader_may(people: People, part: str) -> None:
    path = f"{SETTINGS}/{part}".rstrip("/")
    page = people.user.browser().get(path).text
    assert f'href="{path}" aria-current="page"' in " ".join(page.split())
    assert "Your role here is <strong>User</strong>" in page
    assert "yours is <strong>User</strong>" in page
    assert fields_of(page) == {}
    assert "new-" not in page.replace("new-title", "")
    assert people.stranger.browser().get(path).status_code == 404


def test_an_admin_changes_name_and_description(admin: FlaskClient) -> None:
    fields = fields_of(admin.get(SETTINGS).text)
    assert fields["name"].value == "Pond"
    response = admin.post(SETTINGS, data={"name": "Puddle", "description": "Two\r\nlines."})
    assert (response.status_code, response.location) == (303, SETTINGS)
    project = Project.get_by_id("pond")
    assert (project.name, project.description) == ("Puddle", "Two\nlines.")


def test_a_change_that_is_refused_keeps_what_was_typed(admin: FlaskClient) -> None:
    response = admin.post(SETTINGS, data={"name": "", "description": "Typed in vain."})
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert fields["name"].fault == "Must not be empty."
    assert fields["description"].value == "Typed in vain."
    assert "<h1>Settings of Pond</h1>" in response.text
    assert Project.get_by_id("pond").name == "Pond"


def test_names_and_descriptions_are_text_and_never_markup(admin: FlaskClient, world: World) -> None:
    Project.update(name=EVIL, description=EVIL).execute()
    Ingredient.update(name=EVIL, description=EVIL).execute()
    TestSuite.update(script=EVIL, description=EVIL).where(
        TestSuite.name == world.test_suite()
    ).execute()
    suite = TestSuite.get().name
    for path in ("", "/ingredients", "/ingredients/duck", "/testsuites", f"/testsuites/{suite}"):
        page = admin.get(SETTINGS + path).text
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


# ---- members ---------------------------------------------------------------------------------


def test_an_admin_lets_somebody_in_gives_another_role_and_takes_it_away(
    admin: FlaskClient, people: People
) -> None:
    who = people.stranger.username
    for role in ("User", "SuperUser"):
        response = admin.post(f"{SETTINGS}/members", data={"username": who, "role": role})
        assert (response.status_code, response.location) == (303, f"{SETTINGS}/members")
        assert f"{who} is now {role} of Pond." in admin.get(response.location).text
        member = Member.get(Member.user == people.stranger.user, Member.project == "pond")
        assert member.role == role
    response = admin.post(f"{SETTINGS}/members/{who}/remove")
    assert (response.status_code, response.location) == (303, f"{SETTINGS}/members")
    assert f"{who} removed from Pond." in admin.get(response.location).text
    assert people.stranger.browser().get(SETTINGS).status_code == 404
    assert admin.post(f"{SETTINGS}/members/{who}/remove").status_code == 404


def test_a_username_that_nobody_has_is_told_beside_its_field(admin: FlaskClient) -> None:
    response = admin.post(f"{SETTINGS}/members", data={"username": "nobody", "role": "Admin"})
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert fields["username"].fault == "There is no user 'nobody'."
    assert (fields["username"].value, fields["role"].value) == ("nobody", "Admin")


@pytest.mark.parametrize("role", ["", "System_Admin"])
def test_a_role_that_does_not_exist_is_told_beside_its_field(admin: FlaskClient, role: str) -> None:
    response = admin.post(f"{SETTINGS}/members", data={"username": "stranger", "role": role})
    assert response.status_code == 422
    assert "Must be 'User', 'SuperUser' or 'Admin'" in fields_of(response.text)["role"].fault
    assert fields_of(response.text)["username"].value == "stranger"


def test_everybody_sees_the_members_and_only_admins_change_them(people: People) -> None:
    for person in (people.user, people.superuser):
        page = person.browser().get(f"{SETTINGS}/members").text
        assert "<strong>admin</strong>" in page
        assert "Changing members needs the role <strong>Admin</strong>" in page
        assert "/remove" not in page
    assert (
        f"{SETTINGS}/members/user/remove" in people.admin.browser().get(f"{SETTINGS}/members").text
    )


# ---- test suites -----------------------------------------------------------------------------

SUITE = {"name": "unit", "script": "#!/bin/sh\ntrue\n", "timeoutSeconds": "600", "description": ""}


def test_a_suite_is_made_and_changed(visitor: FlaskClient) -> None:
    """Browsers send lines with CR LF; no shell would run them so."""
    assert "No test suite yet" in visitor.get(f"{SETTINGS}/testsuites").text
    assert "script" in fields_of(visitor.get(f"{SETTINGS}/new-testsuite").text)
    sent = {**SUITE, "script": SUITE["script"].replace("\n", "\r\n")}
    response = visitor.post(f"{SETTINGS}/testsuites", data=sent)
    assert (response.status_code, response.location) == (303, f"{SETTINGS}/testsuites")
    assert "Test suite unit saved." in visitor.get(response.location).text
    suite = TestSuite.get()
    assert (suite.script, suite.timeout_seconds) == (SUITE["script"], 600)

    one = f"{SETTINGS}/testsuites/unit"
    fields = fields_of(visitor.get(one).text)
    assert (fields["script"].value, fields["timeoutSeconds"].value) == (SUITE["script"], "600")
    changed = {"script": "false", "timeoutSeconds": "", "description": "Fast."}
    assert visitor.post(one, data=changed).location == f"{SETTINGS}/testsuites"
    suite = TestSuite.get()
    assert (suite.script, suite.timeout_seconds, suite.description) == ("false", None, "Fast.")


def test_a_suite_that_is_refused_is_shown_as_it_was_typed(visitor: FlaskClient) -> None:
    given = {"name": "Unit tests", "script": "", "timeoutSeconds": "soon", "description": "Kept."}
    response = visitor.post(f"{SETTINGS}/testsuites", data=given)
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert {name: fields[name].value for name in given} == given
    assert "Must begin with a small letter" in fields["name"].fault
    assert fields["script"].fault == "Must not be empty."
    assert "Must be a whole number" in fields["timeoutSeconds"].fault
    assert TestSuite.select().count() == 0


def test_a_new_suite_does_not_replace_one_of_the_same_name(
    visitor: FlaskClient, world: World
) -> None:
    name = world.test_suite()
    given = {**SUITE, "name": name, "script": "false"}
    response = visitor.post(f"{SETTINGS}/testsuites", data=given)
    assert response.status_code == 409
    assert fields_of(response.text)["name"].fault == f"'{name}' is taken."
    assert fields_of(response.text)["script"].value == "false"
    assert TestSuite.get().script == "true"


def test_a_suite_can_be_deleted(visitor: FlaskClient, world: World) -> None:
    path = f"{SETTINGS}/testsuites/{world.test_suite()}"
    assert f'action="{path}/delete"' in visitor.get(path).text
    assert visitor.post(f"{path}/delete").location == f"{SETTINGS}/testsuites"
    assert TestSuite.select().count() == 0
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, data=SUITE).status_code == 404


def test_who_only_reads_sees_a_suite_and_why_no_more(people: People, world: World) -> None:
    path = f"{SETTINGS}/testsuites/{world.test_suite()}"
    page = people.user.browser().get(path).text
    assert "<code>true</code>" in page
    assert "needs the role <strong>SuperUser</strong>" in page
    assert "/delete" not in page
    assert fields_of(page) == {}

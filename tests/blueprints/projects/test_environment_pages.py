"""The pages of a project's environments: one form for every driver, with and without a script."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.definitions.references import environment_lock
from domain.models import Deployment, Environment, Project, StepRun
from tests.support.forms import fields_of
from tests.support.people import People
from tests.support.world import World

PLACES = "/projects/pond/settings/environments"
NEW = "/projects/pond/settings/new-environment"
EMPTY = {"settings.path": "", "settings.keep": "5", "settings.script": "", "settings.url": ""}
"""The fields of every driver, as the page has them before anybody types."""


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


def sent(driver: str, **settings: str) -> dict[str, Any]:
    """What a browser sends that shows only the fields of that driver."""
    form = {f"settings.{name}": value for name, value in settings.items()}
    return {"name": "nest", "driver": driver, **form, "requiresApproval": "false"}


DRIVERS = [
    (sent("directory", path="/srv/nest", keep="3"), {"path": "/srv/nest", "keep": 3}),
    (sent("directory", path="/srv/nest", keep=""), {"path": "/srv/nest", "keep": 5}),
    (sent("script", script="fly\r\nland\r\n"), {"script": "fly\nland\n"}),
    (sent("storage", url="s3://nest/eggs"), {"url": "s3://nest/eggs"}),
]


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize(("form", "stored"), DRIVERS)
def test_an_environment_is_made_with_each_driver(
    visitor: FlaskClient, form: dict[str, Any], stored: dict[str, Any], has_script: bool
) -> None:
    """Without a script the fields of the other drivers come along, empty or as they were."""
    response = visitor.post(PLACES, data=form if has_script else {**EMPTY, **form})
    assert (response.status_code, response.location) == (303, PLACES)
    assert "Environment nest saved." in visitor.get(PLACES).text
    row = Environment.get()
    assert (row.name, row.driver, row.settings) == ("nest", form["driver"], stored)
    assert not row.requires_approval


def test_the_new_form_has_the_fields_of_every_driver(visitor: FlaskClient) -> None:
    page = visitor.get(NEW).text
    fields = fields_of(page)
    assert {name: fields[name].value for name in EMPTY} == EMPTY
    assert fields["driver"].value == "directory"
    for driver in ("directory", "script", "storage"):
        assert f'data-when="driver={driver}"' in page
    assert " novalidate>" in page  # without a script a browser would insist on all of them


def test_an_environment_is_shown_as_it_is_and_changed(visitor: FlaskClient) -> None:
    visitor.post(PLACES, data={**sent("directory", path="/srv/nest", keep="3"), "description": "x"})
    fields = fields_of(visitor.get(f"{PLACES}/nest").text)
    assert "name" not in fields
    assert (fields["settings.path"].value, fields["settings.keep"].value) == ("/srv/nest", "3")
    assert (fields["requiresApproval"].value, fields["description"].value) == ("false", "x")

    form = {**sent("storage", url="s3://nest"), "requiresApproval": ["false", "true"]}
    del form["name"]
    response = visitor.post(f"{PLACES}/nest", data=form)
    assert (response.status_code, response.location) == (303, PLACES)
    row = Environment.get()
    assert (row.driver, row.settings) == ("storage", {"url": "s3://nest"})
    assert row.requires_approval
    assert row.description == ""
    assert fields_of(visitor.get(f"{PLACES}/nest").text)["requiresApproval"].value == "true"


def test_what_is_refused_is_shown_as_it_was_typed(visitor: FlaskClient) -> None:
    given = {
        "name": "The nest",
        "driver": "directory",
        "settings.path": "nest",
        "settings.keep": "many",
        "description": "Kept.",
    }
    response = visitor.post(PLACES, data={**given, "requiresApproval": ["false", "true"]})
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert {name: fields[name].value for name in given} == given
    assert fields["requiresApproval"].value == "true"
    assert "Must begin with a small letter" in fields["name"].fault
    assert "Must be an absolute path" in fields["settings.path"].fault
    assert "Must be a whole number" in fields["settings.keep"].fault
    assert "fault-list" not in response.text
    assert Environment.select().count() == 0


@pytest.mark.parametrize("driver", ["directory", "script", "storage"])
def test_what_the_driver_needs_is_missed_beside_its_field(
    visitor: FlaskClient, driver: str
) -> None:
    needed = {"directory": "path", "script": "script", "storage": "url"}
    response = visitor.post(PLACES, data={**EMPTY, **sent(driver)})
    assert response.status_code == 422
    wrong = {name: field for name, field in fields_of(response.text).items() if field.is_invalid}
    assert list(wrong) == [f"settings.{needed[driver]}"]
    assert wrong.popitem()[1].fault == "Must not be empty."


def test_what_was_filled_in_for_another_driver_is_not_lost_unseen(visitor: FlaskClient) -> None:
    form = {
        **EMPTY,
        **sent("storage", url="s3://nest"),
        "settings.script": "fly",
        "settings.keep": "9",
    }
    response = visitor.post(PLACES, data=form)
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert {name: field.value for name, field in fields.items() if field.is_invalid} == {
        "settings.keep": "9",
        "settings.script": "fly",
    }
    assert fields["settings.script"].fault.startswith("This field belongs to the driver script")
    assert Environment.select().count() == 0


@pytest.mark.parametrize("more", [{"driver": ""}, {"driver": "pigeon"}])
def test_a_driver_that_does_not_exist_is_told_beside_its_field(
    visitor: FlaskClient, more: dict[str, str]
) -> None:
    response = visitor.post(PLACES, data={**sent("directory", path="/srv/nest"), **more})
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert "Must be 'directory', 'script' or 'storage'" in fields["driver"].fault
    assert fields["settings.path"].value == "/srv/nest"


def test_what_no_driver_has_is_told_above_the_form(visitor: FlaskClient) -> None:
    response = visitor.post(PLACES, data=sent("directory", path="/srv/nest", wings="2"))
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert "An environment has no field &#39;wings&#39;." in response.text


def test_a_new_environment_does_not_replace_one_of_the_same_name(
    visitor: FlaskClient, world: World
) -> None:
    name = world.environment().name
    form = {**sent("storage", url="s3://nest"), "name": name}
    response = visitor.post(PLACES, data=form)
    assert response.status_code == 409
    assert fields_of(response.text)["name"].fault == f"'{name}' is taken."
    assert fields_of(response.text)["settings.url"].value == "s3://nest"
    assert Environment.get().driver == "script"


def test_an_environment_can_be_deleted(visitor: FlaskClient, world: World) -> None:
    path = f"{PLACES}/{world.environment().name}"
    assert f'action="{path}/delete"' in visitor.get(path).text
    assert visitor.post(f"{path}/delete").location == PLACES
    assert Environment.select().count() == 0
    assert "No environment yet" in visitor.get(PLACES).text
    for response in (visitor.get(path), visitor.post(path), visitor.post(f"{path}/delete")):
        assert response.status_code == 404


def test_an_environment_stays_while_something_is_deployed_there(
    visitor: FlaskClient, world: World
) -> None:
    place = world.environment()
    step = world.run(type="Deploy", lock_key=environment_lock(place.id))
    response = visitor.post(f"{PLACES}/{place.name}/delete")
    assert response.status_code == 409
    assert "Runs in progress deploy to" in response.text
    assert f'href="/runs/{step.run_id}"' in response.text
    assert fields_of(response.text)["settings.script"].value == "true"
    assert Environment.select().count() == 1


# ---- the list --------------------------------------------------------------------------------


def lost(world: World, place: Environment) -> StepRun:
    """A Deploy whose worker was lost."""
    step = world.ended_run(type="Deploy", outside_effect="unknown")
    Deployment.create(
        id=world.later_id(),
        environment=place,
        status="Failed",
        artifact="egg.zip",
        run_id=step.run_id,
        step_run_id=step.id,
        attempt=1,
        deployed_by="test",
    )
    return step


def test_the_list_says_where_each_leads_and_what_is_there(
    visitor: FlaskClient, world: World
) -> None:
    visitor.post(PLACES, data={**sent("directory", path="/srv/nest"), "requiresApproval": "true"})
    page = visitor.get(PLACES).text
    assert "/srv/nest" in page
    assert "needs approval" in page
    assert "nothing yet" in page

    place = Environment.get()
    world.deployment(place)
    page = visitor.get(PLACES).text
    assert "a.txt" in page
    assert "nothing yet" not in page
    assert "unknown" not in page.lower()


def test_a_deployment_that_nobody_knows_of_leads_to_where_it_is_answered(
    visitor: FlaskClient, world: World
) -> None:
    place = world.environment()
    world.deployment(place)
    step = lost(world, place)
    there = f'href="/runs/{step.run_id}?step={step.id}#step"'
    page = visitor.get(PLACES).text
    assert "Outcome unknown" in page
    assert there in page
    assert there in visitor.get(f"{PLACES}/{place.name}").text
    world.deployment(place)  # whatever it was, it has been replaced
    assert there not in visitor.get(PLACES).text


def test_a_long_list_has_pages(visitor: FlaskClient, world: World) -> None:
    names = [world.environment().name for _ in range(3)]
    page = visitor.get(f"{PLACES}?pageSize=2").text
    assert names[0] in page
    assert names[2] not in page
    assert f'rel="next" href="{PLACES}' in page
    assert "This page is empty" in visitor.get(f"{PLACES}?page=9").text


def test_who_only_reads_sees_an_environment_and_why_no_more(people: People, world: World) -> None:
    place = world.environment()
    Environment.update(settings={"script": "fly south"}).execute()
    page = people.user.browser().get(f"{PLACES}/{place.name}").text
    assert "<code>fly south</code>" in page
    assert "needs the role <strong>SuperUser</strong>" in page
    assert "/delete" not in page
    assert fields_of(page) == {}
    for method, path in (("get", NEW), ("post", PLACES), ("post", f"{PLACES}/{place.name}")):
        assert getattr(people.user.browser(), method)(path).status_code == 403

"""The pages where a project's ingredients are made and named."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Ingredient, Project
from tests.support.forms import fields_of
from tests.support.people import People
from tests.support.world import World

SETTINGS = "/projects/pond/settings"


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


def test_an_ingredient_is_made_and_renamed(visitor: FlaskClient) -> None:
    given = {"id": "goose", "name": "The goose", "description": "Loud."}
    assert set(given) <= set(fields_of(visitor.get(f"{SETTINGS}/new-ingredient").text))
    response = visitor.post(f"{SETTINGS}/ingredients", data=given)
    assert (response.status_code, response.location) == (303, f"{SETTINGS}/ingredients")
    page = visitor.get(response.location).text
    assert "Ingredient The goose created." in page
    assert 'href="/ingredients/goose"' in page
    assert Ingredient.get_by_id("goose").project_id == "pond"

    one = f"{SETTINGS}/ingredients/goose"
    fields = fields_of(visitor.get(one).text)
    assert {name: field.value for name, field in fields.items()} == {
        "name": "The goose",
        "description": "Loud.",
    }
    changed = {"name": "Goose", "description": ""}
    assert visitor.post(one, data=changed).location == f"{SETTINGS}/ingredients"
    assert (Ingredient.get_by_id("goose").name, Ingredient.get_by_id("goose").description) == (
        "Goose",
        "",
    )


def test_the_list_of_ingredients_leads_to_their_releases(
    visitor: FlaskClient, world: World
) -> None:
    assert "none yet" in visitor.get(f"{SETTINGS}/ingredients").text
    world.release(Ingredient.get_by_id("duck"))
    latest = world.release(Ingredient.get_by_id("duck"))
    page = visitor.get(f"{SETTINGS}/ingredients").text
    assert f'<a href="/releases/{latest.id}">{latest.version}</a>' in page
    assert "none yet" not in page


def test_an_ingredient_that_is_refused_is_shown_as_it_was_typed(visitor: FlaskClient) -> None:
    given = {"id": "A duck", "name": "", "description": "Kept."}
    response = visitor.post(f"{SETTINGS}/ingredients", data=given)
    assert response.status_code == 422
    fields = fields_of(response.text)
    assert {name: fields[name].value for name in given} == given
    assert "Must begin with a small letter" in fields["id"].fault
    assert fields["name"].fault == "Must not be empty."
    renamed = visitor.post(f"{SETTINGS}/ingredients/duck", data={"name": "", "description": "x"})
    assert renamed.status_code == 422
    assert fields_of(renamed.text)["name"].fault == "Must not be empty."
    assert Ingredient.select().count() == 1


def test_the_id_of_an_ingredient_is_taken_in_every_project(people: People) -> None:
    given = {"id": "duck", "name": "Mine"}
    visitor = people.stranger.browser()
    response = visitor.post("/projects/elsewhere/settings/ingredients", data=given)
    assert response.status_code == 409
    assert fields_of(response.text)["id"].fault == "'duck' is taken."
    assert Ingredient.get_by_id("duck").name == "Duck"


def test_an_ingredient_is_found_only_in_its_own_project(people: People) -> None:
    visitor, path = people.sysadmin.browser(), "/projects/elsewhere/settings/ingredients/duck"
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, data={"name": "Mine"}).status_code == 404
    assert visitor.get(f"{SETTINGS}/ingredients/duck").status_code == 200


def test_who_only_reads_sees_an_ingredient_and_why_no_more(people: People) -> None:
    page = people.user.browser().get(f"{SETTINGS}/ingredients/duck").text
    assert "Id <code>duck</code>" in page
    assert "needs the role <strong>SuperUser</strong>" in page
    assert fields_of(page) == {}


def test_a_project_without_ingredients_says_what_one_is(people: People) -> None:
    page = people.stranger.browser().get("/projects/elsewhere/settings/ingredients").text
    assert "No ingredient yet" in page
    assert "/projects/elsewhere/settings/new-ingredient" in page

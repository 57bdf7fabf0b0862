"""The pages of ingredients, releases and environments: what was made, and where it went."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Deployment, Environment, Ingredient, Package, Project, Release, StepRun
from tests.support.people import People
from tests.support.queries import counter
from tests.support.world import World

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


@pytest.fixture
def ingredient(project: Project) -> Ingredient:
    return Ingredient.get_by_id("duck")


def made_by_a_run(world: World, ingredient: Ingredient, name: str = "build") -> Release:
    """A release with the run and the step that made it."""
    step = world.run(name=name, status="Succeeded")
    release = world.release(ingredient)
    Release.update(run_id=step.run_id, step_run_id=step.id).where(
        Release.id == release.id
    ).execute()
    return Release.get_by_id(release.id)


def deployed(
    world: World, environment: Environment, release: Release, status: str = "Succeeded"
) -> Deployment:
    """A deployment of the release by a run, of which all is there."""
    step = world.run(type="Deploy", name="ship", status=status)
    row = world.deployment(environment, status)
    Deployment.update(release=release.id, run_id=step.run_id, step_run_id=step.id).where(
        Deployment.id == row.id
    ).execute()
    StepRun.update(deployment_id=row.id).where(StepRun.id == step.id).execute()
    return Deployment.get_by_id(row.id)


def lost(world: World, environment: Environment, release: Release) -> Deployment:
    """A deployment whose worker was lost, and nobody has said what became of it."""
    row = deployed(world, environment, release, "Failed")
    StepRun.update(outside_effect="unknown").where(StepRun.id == row.step_run_id).execute()
    return row


def step_of(row: Deployment) -> str:
    return f'href="/runs/{row.run_id}?step={row.step_run_id}#step"'


def text_of(page: str) -> str:
    """What is to be read, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<main") :]).split())


# ---- ingredients -----------------------------------------------------------------------------


def test_the_list_says_what_was_released_last(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    world.release(ingredient)
    newest = world.release(ingredient)
    page = visitor.get("/ingredients").text
    assert f'href="/releases/{newest.id}">{newest.version}</a>' in page
    assert page.count('href="/releases/') == 1
    assert 'href="/ingredients?projectId=pond"' in page


@pytest.mark.parametrize("search", ["duck", "DUC", "uck"])
def test_an_ingredient_is_found_by_id_and_name(
    visitor: FlaskClient, world: World, ingredient: Ingredient, search: str
) -> None:
    Ingredient.create(id="x1", project="pond", name="Rubber Duck", created_by="test")
    other = world.ingredient()
    page = visitor.get(f"/ingredients?search={search}").text
    assert "Rubber Duck" in page
    assert 'href="/ingredients/duck"' in page
    assert other.id not in page
    assert "No name or id contains “goose”" in visitor.get("/ingredients?search=goose").text


def test_pages_of_ingredients_keep_what_was_searched_for(
    visitor: FlaskClient, world: World
) -> None:
    for _ in range(3):
        world.ingredient()
    page = visitor.get("/ingredients?search=part&projectId=pond&pageSize=2&utm_source=mail").text
    following = "/ingredients?search=part&amp;projectId=pond&amp;pageSize=2&amp;page=2"
    assert f'href="{following}"' in page
    assert "1–2 of 3 ingredients" in page


def test_strangers_see_nothing_of_it(people: People, world: World, ingredient: Ingredient) -> None:
    release, place = world.release(ingredient), world.environment()
    deployed(world, place, release)
    stranger = people.stranger.browser()
    for path in ("/ingredients", "/environments"):
        page = text_of(stranger.get(path).text)
        assert "pond" not in page
        assert "yet" in page
        assert stranger.get(f"{path}?projectId=pond").status_code == 404
    for path in (
        "/ingredients/duck",
        f"/releases/{release.id}",
        f"/environments/pond/{place.name}",
    ):
        assert stranger.get(path).status_code == 404


def test_an_empty_list_says_what_the_thing_is_and_how_the_first_comes_to_be(
    people: People, world: World
) -> None:
    Ingredient.delete().execute()
    for path, part in (("/ingredients", "ingredients"), ("/environments", "environments")):
        address = f'href="/projects/pond/settings/{part}"'
        assert address in people.superuser.browser().get(f"{path}?projectId=pond").text
        page = people.user.browser().get(f"{path}?projectId=pond").text
        assert address not in page
        assert "needs the role <strong>SuperUser</strong>" in page
        assert "Build step" in page or "Deploy step" in page
        assert 'href="/projects"' in people.user.browser().get(path).text


# ---- one ingredient --------------------------------------------------------------------------


def test_an_ingredient_tells_of_each_release_what_made_it_and_where_it_is(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    old, new = made_by_a_run(world, ingredient), made_by_a_run(world, ingredient)
    world.package(new, "a.txt")
    world.package(new, "b.txt")
    here, there = world.environment(), world.environment()
    deployed(world, here, old)
    deployed(world, there, old)
    deployed(world, there, new)
    page = visitor.get("/ingredients/duck").text
    first, second = re.findall(r"<tr>.*?</tr>", page[page.index("<tbody>") :], re.DOTALL)
    assert f'href="/releases/{new.id}"' in first
    assert f'href="/runs/{new.run_id}"' in first
    assert ">2</td>" in first
    assert f'href="/environments/pond/{there.name}"' in first
    assert f'href="/environments/pond/{here.name}"' in second
    assert there.name not in second


def test_where_a_release_may_be_is_said_as_perhaps(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    old, new, place = world.release(ingredient), world.release(ingredient), world.environment()
    deployed(world, place, old)
    assert f"{place.name} (uncertain)" not in text_of(visitor.get("/ingredients/duck").text)
    lost(world, place, new)
    page = text_of(visitor.get("/ingredients/duck").text)
    assert page.count(f"{place.name} (uncertain)") == 2


def test_releases_go_on_by_cursor_and_a_new_one_shifts_nothing(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    releases = [world.release(ingredient) for _ in range(3)]
    page = visitor.get("/ingredients/duck?pageSize=2").text
    assert "3 releases" in page
    onward = f"/ingredients/duck?pageSize=2&amp;cursor={releases[1].id}"
    assert f'href="{onward}"' in page
    world.release(ingredient)
    rest = visitor.get(onward.replace("&amp;", "&")).text
    assert re.findall(r'href="/releases/([0-9a-f]+)"', rest) == [releases[0].id]
    assert 'href="/ingredients/duck?pageSize=2">Newest' in rest
    assert "cursor=" not in rest[rest.index("<main") :]


def test_a_release_outlives_its_run(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release = made_by_a_run(world, ingredient)
    StepRun.delete().execute()
    Release.update(run_id="0" * 24).execute()
    for path in ("/ingredients/duck", f"/releases/{release.id}"):
        assert "a deleted run" in visitor.get(path).text


# ---- one release -----------------------------------------------------------------------------


def test_a_release_tells_its_run_its_step_and_its_files(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release = made_by_a_run(world, ingredient, name="wheel")
    package = world.package(release)
    page = visitor.get(f"/releases/{release.id}").text
    assert f'href="/runs/{release.run_id}?step={release.step_run_id}#step">wheel</a>' in page
    address = f"/api/releases/{release.id}/packages/a%20b/%C3%BC.txt"
    assert f'href="{address}" download' in page
    assert f'<code class="digest" id="sha256-1">{package.sha256}</code>' in page
    assert 'data-copy="sha256-1"' in page
    assert visitor.get(address, buffered=True).data == b"<p>hi"


def test_packages_go_by_page_and_leave_the_deployments_where_they_are(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release, place = world.release(ingredient), world.environment()
    for number in range(3):
        Package.create(release=release, path=f"{number}.txt", size=1, sha256=f"{number}" * 64)
    rows = [deployed(world, place, release) for _ in range(3)]
    page = visitor.get(f"/releases/{release.id}?pageSize=2&page=2&cursor={rows[1].id}").text
    assert "2.txt" in page
    assert "1.txt" not in page
    assert page.count(f'<a class="row-link" href="/environments/pond/{place.name}"') == 1
    assert f'href="/releases/{release.id}?pageSize=2&amp;cursor={rows[1].id}&amp;page=1"' in page
    assert f'href="/releases/{release.id}?pageSize=2&amp;page=2">Newest' in page


def test_a_release_tells_where_it_is_where_it_was_and_what_nobody_knows(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release, later = world.release(ingredient), world.release(ingredient)
    here, before, unknown = (world.environment() for _ in range(3))
    deployed(world, here, release)
    deployed(world, before, release)
    deployed(world, before, later)
    row = lost(world, unknown, release)
    page = visitor.get(f"/releases/{release.id}").text
    rows = {
        place.name: part
        for place in (here, before, unknown)
        for part in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
        if f"/environments/pond/{place.name}" in part
    }
    assert ["/svg>current" in rows[place.name] for place in (here, before, unknown)] == [
        True,
        False,
        False,
    ]
    assert "Outcome unknown" in rows[unknown.name]
    assert step_of(row) in rows[unknown.name]
    assert "Succeeded" in rows[before.name]


# ---- environments ----------------------------------------------------------------------------


def test_environments_tell_what_is_there_since_when_and_by_whom(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release, place, empty = world.release(ingredient), world.environment(), world.environment()
    row = deployed(world, place, release)
    page = visitor.get("/environments").text
    first, second = re.findall(r"<tr>.*?</tr>", page[page.index("<tbody>") :], re.DOTALL)
    assert f'href="/releases/{release.id}"' in first
    assert f'href="/runs/{row.run_id}"' in first
    assert "by test" in first
    assert "<time datetime=" in first
    assert empty.name in second
    assert "nothing yet" in second


@pytest.mark.parametrize("path", ["/environments", "/environments/pond/{}"])
def test_an_outcome_that_nobody_knows_leads_to_where_it_is_answered(
    visitor: FlaskClient, world: World, ingredient: Ingredient, path: str
) -> None:
    place, release = world.environment(), world.release(ingredient)
    deployed(world, place, release)
    assert "nknown" not in visitor.get(path.format(place.name)).text
    row = lost(world, place, release)
    page = visitor.get(path.format(place.name)).text
    assert step_of(row) in page
    assert re.search("(?i)nobody knows|outcome unknown", page)
    deployed(world, place, release)
    after = visitor.get(path.format(place.name)).text
    assert ("ecord the result" in page, "ecord the result" in after) == (True, False)


def test_a_deployment_that_goes_on_is_shown_beside_what_is_there(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    place, old, new = world.environment(), world.release(ingredient), world.release(ingredient)
    deployed(world, place, old)
    row = deployed(world, place, new, "Running")
    page = visitor.get("/environments").text
    assert f'href="/releases/{old.id}"' in page
    assert f'href="/runs/{row.run_id}"' in page
    assert "Running" in page


def test_an_environment_has_a_history_by_cursor_and_a_way_to_its_settings(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    place = world.environment()
    releases = [world.release(ingredient) for _ in range(3)]
    rows = [deployed(world, place, release) for release in releases]
    here = f"/environments/pond/{place.name}"
    page = visitor.get(f"{here}?pageSize=2").text
    assert f'href="/projects/pond/settings/environments/{place.name}"' in page
    assert page.count("/svg>current") == 1
    onward = f"{here}?pageSize=2&amp;cursor={rows[1].id}"
    assert f'href="{onward}"' in page
    rest = visitor.get(onward.replace("&amp;", "&")).text
    assert releases[0].version in rest[rest.index("<tbody>") :]
    assert releases[2].version not in rest[rest.index("<tbody>") :]
    assert "/svg>current" not in rest


def test_what_was_deployed_of_a_release_that_is_gone_is_still_told(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    place, release = world.environment(), world.release(ingredient)
    deployed(world, place, release)
    Release.delete().execute()
    for path in ("/environments", f"/environments/pond/{place.name}"):
        page = visitor.get(path)
        assert page.status_code == 200
        assert "a.txt" in page.text


# ---- all of them -----------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_rows(
    visitor: FlaskClient,
    world: World,
    ingredient: Ingredient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, place = made_by_a_run(world, ingredient), world.environment()

    def grow() -> None:
        for other in (
            release,
            made_by_a_run(world, ingredient),
            made_by_a_run(world, world.ingredient()),
        ):
            Package.create(release=other, path=world.name("p"), size=1, sha256="0" * 64)
            elsewhere = world.environment()
            for where in (place, elsewhere):
                deployed(world, where, other)
                lost(world, where, other)
            deployed(world, elsewhere, other, "Running")

    grow()
    count = counter(monkeypatch)
    paths = (
        "/ingredients",
        "/ingredients/duck",
        f"/releases/{release.id}",
        "/environments",
        f"/environments/pond/{place.name}",
    )
    before = [count(lambda path=path: visitor.get(path)) for path in paths]
    grow()
    grow()
    assert [count(lambda path=path: visitor.get(path)) for path in paths] == before
    assert min(before) > 1


def test_names_are_text_and_never_markup(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    Ingredient.update(name=EVIL, description=EVIL).execute()
    Environment.update(description=EVIL).execute()
    release, place = made_by_a_run(world, ingredient, name=EVIL), world.environment()
    Package.create(release=release, path=EVIL, size=1, sha256="0" * 64)
    deployed(world, place, release)
    Deployment.update(artifact=EVIL, message=EVIL).execute()
    Environment.update(description=EVIL).execute()
    for path in (
        "/ingredients",
        "/ingredients/duck",
        f"/releases/{release.id}",
        "/environments",
        f"/environments/pond/{place.name}",
    ):
        page = visitor.get(path).text
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize(
    "path",
    ["/ingredients?page=0", "/environments?page=x", "/ingredients/duck?cursor=1"],
)
def test_a_query_that_makes_no_sense_is_refused_with_a_page(
    visitor: FlaskClient, ingredient: Ingredient, path: str
) -> None:
    response = visitor.get(path)
    assert response.status_code == 422
    assert "Invalid input" in response.text


def test_the_page_of_a_run_leads_to_what_it_released(
    visitor: FlaskClient, world: World, ingredient: Ingredient
) -> None:
    release = made_by_a_run(world, ingredient)
    StepRun.update(release_id=release.id).where(StepRun.id == release.step_run_id).execute()
    assert f'href="/releases/{release.id}"' in visitor.get(f"/runs/{release.run_id}").text

"""What is around every page: menus, help, the parts that pages are made of."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Project
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, start


def menu(page: str) -> str:
    return page.partition('id="project-menu"')[2].partition("</div>")[0]


def test_the_present_project_is_kept_by_the_navigation(visitor: FlaskClient) -> None:
    page = visitor.get("/workflows?projectId=pond").text
    assert 'aria-label="Project: pond"' in page
    assert '<a href="/runs?projectId=pond"' in page
    assert re.search('<a href="/workflows.projectId=pond" +aria-current="true"', page)
    assert 'aria-label="Project: All projects"' in visitor.get("/workflows").text


def test_the_page_of_a_run_is_one_of_its_project(visitor: FlaskClient) -> None:
    run = start(a_workflow([build("wheel")]))
    page = visitor.get(f"/runs/{run.id}").text
    assert 'aria-label="Project: pond"' in page
    assert 'href="/projects/pond/settings"' in menu(page)


def test_the_menu_names_the_projects_that_the_reader_may_read(people: People) -> None:
    Project.create(id="lake", name="Lake", created_by="test")
    assert "Lake" not in menu(people.user.browser().get("/workflows").text)
    assert "Lake" in menu(people.sysadmin.browser().get("/workflows").text)


def test_the_way_to_administration_is_shown_to_who_may_go_it(people: People) -> None:
    assert "/admin/system" in people.sysadmin.browser().get("/workflows").text
    assert "/admin/system" not in people.admin.browser().get("/workflows").text


def test_shortcuts_can_be_switched_off(visitor: FlaskClient) -> None:
    assert 'data-shortcuts="off"' not in visitor.get("/workflows").text
    answer = visitor.post("/shortcuts", data={"shortcuts": "off", "next": "/runs"})
    assert (answer.status_code, answer.location) == (303, "/runs")
    page = visitor.get("/workflows").text
    assert 'data-shortcuts="off"' in page
    assert "Shortcuts are off" in page
    visitor.post("/shortcuts", data={"shortcuts": "on"})
    assert 'data-shortcuts="off"' not in visitor.get("/workflows").text


@pytest.mark.parametrize(
    ("status", "sign"), [("Pending", "favicon.svg"), ("Failed", "favicon-Failed.svg")]
)
def test_the_tab_shows_how_the_run_stands(visitor: FlaskClient, status: str, sign: str) -> None:
    run = start(a_workflow([build("wheel")]))
    type(run).update(status=status).where(type(run).id == run.id).execute()
    page = visitor.get(f"/runs/{run.id}").text
    assert f'<link rel="icon" href="/static/{sign}?v=' in page
    assert f'data-favicon="/static/{sign}?v=' in page


def test_the_style_guide_is_there_in_development_only(
    app: Flask, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert visitor.get("/styleguide").status_code == 404
    monkeypatch.setattr(app, "debug", True)
    page = visitor.get("/styleguide").text
    assert "Style guide" in page
    for status in ("Pending", "Running", "Succeeded", "Failed", "Cancelled", "Skipped"):
        assert f'#{status}"' in page

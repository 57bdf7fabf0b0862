"""A signed-in browser's requests, without a browser."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain import engine
from domain.engine import Ending
from domain.models import Ingredient, Project, Run
from domain.settings import Settings
from domain.statuses import FAILED, SUCCEEDED
from tests.conftest import KINDS, fresh_settings
from tests.support import application
from tests.support import people as people_support
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, claimed, start, step_named

settings = pytest.fixture(params=KINDS[:1])(fresh_settings)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    yield from application.shared(settings)


@pytest.fixture
def project(app: Flask) -> Project:
    """With the ingredient that tests.support.pipelines builds."""
    project = Project.create(id="pond", name="Pond", created_by="test")
    Ingredient.create(id="duck", project=project, name="Duck", created_by="test")
    return project


@pytest.fixture
def people(app: Flask, project: Project) -> People:
    return people_support.make(app, project)


@pytest.fixture
def visitor(people: People) -> FlaskClient:
    """Of somebody who may start and stop runs."""
    return people.superuser.browser()


@pytest.fixture
def failed(project: object) -> Run:
    """Of its two steps, one after the other, the first succeeded."""
    run = start(a_workflow([build("wheel")], [build("sign")]))
    engine.finish(claimed(step_named(run, "wheel")), Ending(SUCCEEDED))
    engine.finish(claimed(step_named(run, "sign")), Ending(FAILED, "No key.", 1))
    return run

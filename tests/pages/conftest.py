"""A signed-in browser's requests, without a browser, on both databases."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Ingredient, Project
from domain.settings import Settings
from tests.support import application
from tests.support import people as people_support
from tests.support.people import People


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

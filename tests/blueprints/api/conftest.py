from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from blueprints.api.operations import operation_of
from domain.error_codes import ERRORS, FIELD_ERRORS
from domain.models import Project
from domain.settings import Settings
from tests.conftest import KINDS, fresh_settings
from tests.support import application, contract
from tests.support import people as people_support
from tests.support.people import People
from tests.support.world import World

settings = pytest.fixture(params=KINDS[:1])(fresh_settings)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    yield from application.shared(settings, hold_against_the_contract)


def hold_against_the_contract(response: Response) -> Response:
    """Whatever a test is about, its errors have the form and the codes that are documented."""
    is_api = request.path.startswith("/api")
    if is_api and response.status_code >= 400 and response.mimetype == "application/json":
        error = response.json["error"]
        assert error["message"], "an error without a sentence"
        assert error["code"] in ERRORS, f"{error['code']} is not a documented code"
        for detail in error["details"]:
            assert detail["code"] in FIELD_ERRORS, f"{detail['code']} is not a documented code"
            assert detail["field"] == "" or detail["field"].startswith("/")
            assert detail["message"]
        assert error["details"] or response.status_code != 409, "a conflict without the state"
    if operation_of(request.endpoint) and request.method != "OPTIONS":
        breach = contract.breach(request, response)
        assert breach is None, breach
    return response


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody in particular."""
    return app.test_client()


@pytest.fixture
def project(app: Flask) -> Project:
    return Project.create(id="pond", name="Pond", created_by="test")


@pytest.fixture
def people(app: Flask, project: Project) -> People:
    return people_support.make(app, project)


@pytest.fixture
def known(app, people, project) -> dict[str, Any]:
    """What really is there, by the names that variables in addresses have."""
    world = World(app, project)
    step = world.run()
    release = world.release()
    world.package(release, "a.txt")
    return {
        "project_id": project.id,
        "username": "user",
        "name": world.test_suite(),
        "ingredient_id": release.ingredient_id,
        "release_id": release.id,
        "path": "a.txt",
        "token_id": world.token(people.sysadmin),
        "workflow_id": world.workflow().id,
        "number": 1,
        "run_id": step.run_id,
        "step_run_id": step.id,
        "stage_run_id": step.stage_id,
        "test_id": world.test_result(step),
        "log_name": world.uploaded(step),
    }

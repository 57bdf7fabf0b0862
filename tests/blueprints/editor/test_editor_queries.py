"""Limits for the statements that one request of the editor sends to the database."""

import pytest
from flask.testing import FlaskClient

from domain.models import Project
from tests.blueprints.editor.test_editor_pages import PIECE, create_form, step
from tests.support.pipelines import a_workflow, build, deploy
from tests.support.pipelines import test as a_test
from tests.support.queries import counter


@pytest.fixture
def draft(visitor: FlaskClient, project: Project) -> str:
    workflow = a_workflow([build("wheel")], [a_test("unit", "quick")], [deploy("out", "nest", "*")])
    return visitor.get(f"/workflows/{workflow.id}/edit").location


@pytest.mark.parametrize(("name", "most"), [("wheel", 21), ("unit", 23), ("out", 24)])
def test_a_key_press_loads_everything_once(
    visitor: FlaskClient, draft: str, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    count = counter(monkeypatch)
    form = {**create_form(name), "do": ""}
    for queue in ("g", "gp"):
        typed = {**form, "queue": queue}
        assert count(lambda: visitor.post(draft, data=typed, headers=PIECE)) <= most  # noqa: B023
    assert step(name)["queue"] == "gp"


def test_typing_and_a_command_are_one_transaction(
    visitor: FlaskClient, draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = counter(monkeypatch)
    form = {**create_form("wheel"), "queue": "g", "do": f"copy:{step('wheel')['id']}"}
    assert count(lambda: visitor.post(draft, data=form)) <= 15
    assert step("wheel 2")["queue"] == "g"

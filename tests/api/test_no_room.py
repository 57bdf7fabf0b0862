"""What the web server answers when the disk of the database, or its own, is full."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.settings import Settings
from tests.conftest import settings_for
from tests.support.disks import SIZE, SmallDisk
from tests.support.world import World


@pytest.fixture
def settings(small_disk: SmallDisk, sqlite_template: Path) -> Settings:
    """Everything on the small disk."""
    settings = settings_for(small_disk.path)
    settings.sqlite_path.write_bytes(sqlite_template.read_bytes())
    return settings


def test_what_cannot_be_stored_is_refused_with_the_reason_and_can_be_tried_again(
    people, small_disk
):
    body = {"id": "lake", "name": "Lake", "description": "x" * 5000}
    client, headers = people.sysadmin.app.test_client(), people.sysadmin.headers()
    small_disk.fill()
    response = client.post("/api/projects", json=body, headers=headers)
    assert response.status_code == 507
    assert response.json["error"]["code"] == "disk_full"
    assert "disk is full, so nothing was stored" in response.json["error"]["message"]
    assert response.headers["Retry-After"]
    small_disk.clear()
    assert client.post("/api/projects", json=body, headers=headers).status_code == 201


def test_reading_goes_on_with_a_full_disk_though_the_use_of_a_token_cannot_be_noted(
    people, small_disk
):
    client, headers = people.user.app.test_client(), people.user.headers()
    small_disk.fill()
    assert client.get("/api/projects", headers=headers).status_code == 200


def test_a_page_says_that_the_disk_is_full(app, project, people, small_disk):
    workflow = World(app, project).workflow()
    browser = people.superuser.browser()
    small_disk.fill()
    response = browser.post(f"/workflows/{workflow.id}/runs")
    assert response.status_code == 507
    assert "disk is full" in response.text


def test_readyz_tells_how_much_room_the_disk_has_and_stays_ready(client, app, small_disk):
    def disk() -> str:
        response = client.get("/readyz")
        assert response.status_code == 200
        return response.json["disk"]

    assert disk() == "ok"
    app.config["GALLEY"] = replace(app.config["GALLEY"], disk_warn_bytes=SIZE * 2)
    assert disk() == "low"
    small_disk.fill()
    assert disk() == "full"

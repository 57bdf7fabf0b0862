"""What the web server answers when the disk of the database, or its own, is full."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from domain.accounts import users as people_rules
from domain.accounts.access import console
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
    assert "disk is full and nothing was stored" in response.json["error"]["message"]
    assert response.headers["Retry-After"]
    small_disk.clear()
    assert client.post("/api/projects", json=body, headers=headers).status_code == 201


def test_reading_goes_on_with_a_full_disk_though_the_use_of_a_token_cannot_be_noted(
    people, small_disk
):
    client, headers = people.user.app.test_client(), people.user.headers()
    small_disk.fill()
    assert client.get("/api/projects", headers=headers).status_code == 200


def test_a_log_file_that_finds_no_room_is_refused_and_leaves_nothing(
    app, project, people, settings, small_disk
):
    run_id = World(app, project).run().run_id
    client, headers = people.superuser.app.test_client(), people.superuser.headers()
    small_disk.fill()

    def send():
        form = {"file": (io.BytesIO(b"x" * 300_000), "unit.log")}
        return client.post(f"/api/workflowruns/{run_id}/logs", data=form, headers=headers)

    answer = send()
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "disk_full")
    assert not any(path.is_file() for path in (settings.data_dir / "logs").rglob("*"))
    small_disk.clear()
    assert send().status_code == 201


def test_people_come_and_go_though_the_audit_has_no_room_for_it(people, small_disk):
    people_rules.set_password(console(), "user", "correct horse")
    browser = people.stranger.browser()
    small_disk.fill()
    form = {"username": "user", "password": "correct horse"}
    assert browser.post("/login", data={**form, "password": "guess"}).status_code == 422
    assert browser.post("/login", data=form).status_code == 303
    assert browser.get("/api/users/me").json["username"] == "user"
    other = people.admin.browser()
    assert other.post("/logout").status_code == 303
    assert other.get("/api/users/me").status_code == 401


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

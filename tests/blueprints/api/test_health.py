from dataclasses import replace

import pytest

from domain import models
from domain.clock import now


@pytest.fixture
def no_database(app, settings):
    """Where the database should be, nobody listens."""
    models.db.obj.close_all()
    models.connect(replace(settings, database_url="postgresql://127.0.0.1:1/none"), pooled=True)


def test_alive_needs_nothing_but_the_process(client, no_database):
    assert client.get("/healthz").json == {"status": "ok"}


def test_ready_without_redis_because_runs_are_stored_and_start_later(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json["status"] == response.json["database"] == "ok"
    assert response.json["redis"] == "unreachable"


def test_ready_says_whether_anybody_works_and_repairs(client, app):
    assert [client.get("/readyz").json[part] for part in ("workers", "reconciler")] == [
        "missing",
        "missing",
    ]
    whoever = {"name": "x", "host": "h", "pid": 1, "pid_started": 1}
    models.WorkerInfo.create(**whoever, queue="default")
    models.ReconcilerInfo.create(**whoever)
    assert [client.get("/readyz").json[part] for part in ("workers", "reconciler")] == ["ok", "ok"]


def test_who_was_not_heard_of_for_a_minute_is_missing(client, app):
    whoever = {"name": "x", "host": "h", "pid": 1, "pid_started": 1, "seen_at": now() - 60_000}
    models.WorkerInfo.create(**whoever, queue="default")
    models.ReconcilerInfo.create(**whoever)
    assert client.get("/readyz").json["workers"] == "missing"
    assert client.get("/readyz").json["reconciler"] == "missing"


def test_not_ready_without_the_database(client, no_database):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json["database"] == "unreachable"
    assert response.json["workers"] == response.json["reconciler"] == "unknown"


def test_without_the_database_a_request_is_told_to_come_again(client, people, no_database):
    response = client.get("/api/projects", headers={"Authorization": "Bearer gal_x"})
    assert (response.status_code, response.json["error"]["code"]) == (503, "database_unavailable")
    assert response.headers["Retry-After"]


def test_without_the_database_even_a_signed_in_browser_gets_a_page(people, settings):
    browser = people.user.browser()
    models.db.obj.close_all()
    models.connect(replace(settings, database_url="postgresql://127.0.0.1:1/none"), pooled=True)
    response = browser.get("/workflows")
    assert response.status_code == 503
    assert response.mimetype == "text/html"

from dataclasses import replace

import pytest

from domain import models


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
    assert response.json == {"status": "ok", "database": "ok", "redis": "unreachable"}


def test_not_ready_without_the_database(client, no_database):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json["database"] == "unreachable"


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

"""/metrics, as Prometheus reads it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain import models
from domain.clock import now
from tests.support import application
from tests.support.world import World


@pytest.fixture
def app(settings):
    """Its own: what others have asked for is not counted."""
    yield from application.own(settings)


def scrape(client, headers) -> dict[str, dict[tuple[str, ...], float]]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.get_data(as_text=True))
        for sample in family.samples
    }


def test_metrics_tell_what_runs_what_waits_and_who_works(app, client, people, project):
    world = World(app, project)
    world.run(ready_at=now() - 5000)
    world.run(ready_at=now(), queue="gpu")
    world.run(status="Running", lease_until=now() + 1000)
    world.run(ready_at=1, is_outside=True)
    world.ended_run()
    whoever = {"host": "h", "pid": 1, "pid_started": 1}
    models.WorkerInfo.create(name="x", queue="gpu", **whoever)
    found = scrape(client, people.user.headers("read"))
    assert found["galley_runs Pending"] == 4
    assert found["galley_steps_ready default"] == 1
    assert found["galley_steps_ready gpu"] == 1
    assert 5 <= found["galley_oldest_step_seconds default"] < 60
    assert found["galley_steps_running default"] == 1
    assert found["galley_workers gpu"] == 1
    assert found["galley_up redis"] == found["galley_up reconciler"] == 0
    assert found["galley_disk_free_bytes data"] > 0


def test_requests_are_counted_by_endpoint_and_status(client, people):
    headers = people.user.headers("read")
    for path in ("/api/projects/pond", "/api/projects/none", "/nowhere"):
        client.get(path, headers=headers)
    found = scrape(client, headers)
    assert found["galley_http_requests_total api_projects.get_project GET 200"] == 1
    assert found["galley_http_requests_total api_projects.get_project GET 404"] == 1
    assert found["galley_http_requests_total none GET 404"] == 1
    assert found["galley_http_request_seconds_count api_projects.get_project"] == 2


def test_what_a_long_poll_waits_is_no_time_that_its_answer_took(app, client, people, project):
    path = f"/api/workflowruns/{World(app, project).run(ready_at=1).run_id}"
    headers = people.user.headers("read")
    known = {"If-None-Match": client.get(path, headers=headers).headers["ETag"]}
    assert client.get(f"{path}?wait=1", headers=headers | known).status_code == 304
    assert scrape(client, headers)["galley_http_request_seconds_sum api_runs.get_run"] < 0.9


def test_metrics_need_a_token(client):
    response = client.get("/metrics")
    assert response.status_code == 401
    assert response.json["error"]["code"] == "not_authenticated"

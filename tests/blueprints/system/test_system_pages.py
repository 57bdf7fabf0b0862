"""What System_Admins read: who did what, and how the installation stands."""

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain import disk
from domain.accounts import audit
from domain.accounts.access import Actor
from domain.clock import DAY_MS, now
from domain.models import (
    AuditEvent,
    Project,
    ReconcilerInfo,
    StepRun,
    WorkerInfo,
    db,
    first_id,
    write,
)
from domain.projects import test_suites
from jobs.queue import Doorbell
from tests.support.people import People
from tests.support.queries import counter
from tests.support.world import World

ANN = Actor("1", "ann", is_system_admin=True, address="192.0.2.1")
EVIL = "<script>alert(1)</script>"
STATE = "/admin/system/state"


@pytest.fixture
def visitor(people: People) -> FlaskClient:
    return people.sysadmin.browser()


@pytest.fixture
def world(app: Flask, project: Project) -> World:
    return World(app, project)


def text_of(page: str) -> str:
    """What is to be read, in one line."""
    return " ".join(re.sub(r"<[^>]*>", "", page[page.index("<h2") :]).split())


def note(action: str, kind: str, object_id: str, **more: object) -> None:
    with write():
        audit.record(ANN, action, kind, object_id, **more)


@pytest.mark.parametrize("path", ["/admin/audit", "/admin/system", STATE])
def test_it_is_for_system_admins_only(people: People, path: str) -> None:
    refused = people.admin.browser().get(path)
    assert refused.status_code == 403
    assert "System_Admin" in refused.text


# ---- audit -----------------------------------------------------------------------------------


def test_an_event_is_a_sentence_with_its_changes(visitor: FlaskClient, project: Project) -> None:
    suite = {"script": "make", "timeout_seconds": 5}
    test_suites.put_test_suite(ANN, project, "unit", suite)
    test_suites.put_test_suite(ANN, project, "unit", {"script": "make all", "timeout_seconds": 60})
    page = visitor.get("/admin/audit?kind=test_suite").text
    assert "ann changed the test suite unit in pond" in text_of(page)
    assert "ann created the test suite unit in pond" in text_of(page)
    assert "from 192.0.2.1" in page
    assert re.search(r"<del>5</del>.*<ins>60</ins>", page)
    assert "make all" not in page


def test_what_happened_to_runs_and_steps_leads_there(visitor: FlaskClient, world: World) -> None:
    step = world.run(name="wheel")
    name = step.run.workflow.name
    note("start", "run", step.run_id, project_id="pond")
    note(
        "abort", "step", step.id, project_id="pond", detail={"runId": step.run_id, "name": "wheel"}
    )
    note("rerun", "run", step.run_id, project_id="pond")
    answered = {"outsideEffect": "happened", "comment": "I looked"}
    note("answer", "step", step.id, project_id="pond", detail=answered)
    page = visitor.get("/admin/audit?actor=ann").text
    assert f"ann started the run {name} #1 in pond" in text_of(page)
    assert f"ann started the rerun {name} #1 in pond" in text_of(page)
    assert f"ann aborted the step wheel of {name} #1 in pond" in text_of(page)
    assert f"ann recorded the outcome of the step wheel of {name} #1" in text_of(page)
    assert f'href="/runs/{step.run_id}"' in page
    assert f'href="/runs/{step.run_id}?step={step.id}#step"' in page
    assert "I looked" in page


def test_what_is_gone_is_named_as_far_as_the_event_knows_it(visitor: FlaskClient) -> None:
    detail = {"workflow": "Nightly", "number": 7, "status": "Failed"}
    note("delete", "run", "0" * 24, project_id="pond", detail=detail)
    note("delete", "release", "1" * 24, detail={"ingredientId": "duck", "version": "1.2"})
    page = visitor.get("/admin/audit").text
    assert "ann deleted the run Nightly #7" in text_of(page)
    assert "ann deleted the release duck@1.2" in text_of(page)
    assert 'href="/runs/0000' not in page


def test_signing_in_is_told_without_an_object(visitor: FlaskClient) -> None:
    note("sign_in", "user", "ann")
    with write():
        audit.record(Actor("", ""), "sign_in_failed", "user", "root")
    page = text_of(visitor.get("/admin/audit").text)
    assert "ann signed in just" not in page
    assert re.search(r"ann signed in \d", page)
    assert "Unknown user failed to sign in as root" in page


def test_what_has_no_words_yet_is_told_as_the_audit_calls_it(
    visitor: FlaskClient, world: World
) -> None:
    note("frobnicate", "gadget", "g1")
    assert "ann frobnicate the gadget g1" in text_of(visitor.get("/admin/audit").text)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("actor=&action=&kind=&objectId=&projectId=&since=&until=", 3),
        ("actor=ann", 3),
        ("actor=bob", 0),
        ("action=put", 2),
        ("kind=secret&action=put", 1),
        ("objectId=unit", 1),
        ("projectId=pond", 2),
    ],
)
def test_filters_hold_together(visitor: FlaskClient, query: str, count: int) -> None:
    note("put", "secret", "TOKEN", project_id="pond")
    note("put", "test_suite", "unit", project_id="pond")
    note("create", "user", "eve")
    page = visitor.get(f"/admin/audit?{query}").text
    assert page.count('class="actor"') == count
    assert ("No matches" in page) is (count == 0)


def test_days_are_whole_and_those_of_utc(visitor: FlaskClient) -> None:
    midnight = 1_800_000_000_000 // DAY_MS * DAY_MS  # 2027-01-15
    for at in (midnight - 1, midnight, midnight + DAY_MS - 1, midnight + DAY_MS):
        AuditEvent.create(
            id=first_id(at),
            at=at,
            actor=f"at{at - midnight}",
            action="put",
            object_kind="secret",
            object_id="X",
        )
    page = visitor.get("/admin/audit?since=2027-01-15&until=2027-01-15").text
    assert re.findall(r'class="actor"[^>]*>([^<]+)<', page) == [f"at{DAY_MS - 1}", "at0"]
    assert len(re.findall('class="actor"', visitor.get("/admin/audit?since=2027-01-16").text)) == 1
    assert len(re.findall('class="actor"', visitor.get("/admin/audit?until=2027-01-14").text)) == 1
    assert visitor.get("/admin/audit?since=0001-01-01&until=9999-12-31").status_code == 200


def test_a_filter_that_cannot_be_read_comes_back_as_it_was_typed(visitor: FlaskClient) -> None:
    note("put", "secret", "TOKEN")
    response = visitor.get("/admin/audit?since=yesterday&actor=ann")
    assert response.status_code == 422
    assert 'value="yesterday"' in response.text
    assert 'value="ann"' in response.text
    assert 'id="since-fault"' in response.text
    assert 'class="actor"' not in response.text


def test_what_was_filtered_by_is_kept_by_the_form_and_by_what_follows(visitor: FlaskClient) -> None:
    for number in range(3):
        note("put", "secret", f"S{number}", project_id="pond")
    page = visitor.get("/admin/audit?action=put&projectId=pond&since=2020-01-01&pageSize=2").text
    assert re.search(r'<option value="put"\s+selected', page)
    assert 'value="pond"' in page
    assert 'value="2020-01-01"' in page
    (onward,) = re.findall(r'href="(/admin/audit[^"]+cursor=[0-9a-f]{24})"', page)
    for kept in ("action=put", "projectId=pond", "since=2020-01-01", "pageSize=2"):
        assert kept in onward
    note("put", "secret", "S3", project_id="pond")
    rest = visitor.get(onward.replace("&amp;", "&")).text
    assert "<strong>S0</strong>" in rest
    assert rest.count('class="actor"') == 1
    assert "Newest" in rest
    assert "Older" not in rest


def test_names_and_details_are_text_and_never_markup(visitor: FlaskClient) -> None:
    told = {"changed": {"name": {"from": EVIL, "to": f"2{EVIL}"}}, "comment": EVIL}
    note("change", "project", EVIL, project_id=EVIL, detail=told)
    page = visitor.get(f"/admin/audit?projectId={EVIL}").text
    assert page.count("&lt;script&gt;alert") >= 6
    assert "<script>alert" not in page


def test_the_number_of_queries_does_not_grow_with_the_events(
    visitor: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def happen() -> None:
        step = world.run()
        note("start", "run", step.run_id)
        note("abort", "step", step.id, detail={"runId": step.run_id, "name": "build"})
        note("answer", "step", step.id, detail={"outsideEffect": "happened"})

    happen()
    count = counter(monkeypatch)
    before = count(lambda: visitor.get("/admin/audit?actor=ann"))
    happen()
    happen()
    assert count(lambda: visitor.get("/admin/audit?actor=ann")) == before > 1


# ---- system ----------------------------------------------------------------------------------


def a_worker(name: str = "w1", queue: str = "default", silent_ms: int = 0, **more: object) -> None:
    values = {
        "host": "anvil/boot/1",
        "pid": 1,
        "pid_started": 1,
        "started_at": now() - 2 * DAY_MS,
        "seen_at": now() - silent_ms,
    }
    WorkerInfo.create(name=name, queue=queue, **{**values, **more})


def a_reconciler(silent_ms: int = 0) -> None:
    seen = now() - silent_ms
    ReconcilerInfo.create(name="r1", host="anvil/boot/1", pid=1, pid_started=1, seen_at=seen)


def held(world: World, worker: str = "w1", lease_ms: int = 60_000, **more: object) -> StepRun:
    until = now() + lease_ms
    return world.run(status="Running", worker=worker, lease_until=until, **more)


def row(page: str, key: str) -> str:
    """The row of the table with that id."""
    found = re.search(rf'<tr id="{key}".*?</tr>', page, re.DOTALL)
    assert found, key
    return found[0]


def test_without_anybody_it_says_what_to_start(visitor: FlaskClient) -> None:
    page = visitor.get("/admin/system").text
    for part, command in (("Workers", "galley worker"), ("Reconciler", "galley reconciler")):
        assert "missing" in row(page, f"part-{part}")
        assert f'<code id="do-{part}">{command}</code>' in row(page, f"part-{part}")
    assert "unreachable" in row(page, "part-Redis")


def test_with_everything_there_nothing_has_to_be_done(
    visitor: FlaskClient, app: Flask, doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "galley_doorbell", doorbell)
    room = disk.Room(disk.OK, "/srv", 10**12)
    monkeypatch.setattr(disk, "look", lambda _: room)
    a_worker()
    a_reconciler()
    page = visitor.get("/admin/system").text
    states = re.findall(r'class="status of-(\w+)"', page)
    assert set(states) == {"good"}
    assert '<code id="do-' not in page
    kind = "SQLite" if app.config["GALLEY"].is_sqlite else "PostgreSQL"
    assert kind in row(page, "part-Database")
    assert "1 worker online, 0 busy: 1 on queue default." in row(page, "part-Workers")


def test_a_worker_tells_what_it_holds(visitor: FlaskClient, world: World) -> None:
    a_worker("w1")
    a_worker("w2")
    step = held(world)
    page = visitor.get("/admin/system").text
    assert f'href="/runs/{step.run_id}?step={step.id}#step">build</a>' in row(page, "worker-w1")
    assert "busy" in row(page, "worker-w1")
    assert "lease renewed" in row(page, "worker-w1")
    assert "nothing" in row(page, "worker-w2")
    assert "anvil" in page


def test_a_lease_that_is_not_renewed_is_told(visitor: FlaskClient, world: World) -> None:
    a_worker("w1")
    step = held(world, lease_ms=2_000)
    assert "lease ends <time" in row(visitor.get(STATE).text, "worker-w1")
    StepRun.update(lease_until=0).where(StepRun.id == step.id).execute()
    assert "being reclaimed" in row(visitor.get(STATE).text, "worker-w1")


def test_silent_workers_and_those_that_nobody_knows_are_marked(
    visitor: FlaskClient, world: World
) -> None:
    a_worker("w1", silent_ms=120_000)
    a_worker("w2")
    step = held(world, worker="w9")
    page = visitor.get("/admin/system").text
    assert "silent" in row(page, "worker-w1")
    assert "last seen <time" in row(page, "worker-w1")
    assert "silent" not in row(page, "worker-w2")
    assert "gone" in row(page, "worker-w9")
    assert step.id in row(page, "worker-w9")
    assert "1 worker silent for up to 2 min: w1." in row(page, "part-Workers")
    assert "never return are removed after a day" in page


def test_queues_tell_who_waits_and_what_to_start(visitor: FlaskClient, world: World) -> None:
    a_worker("w1")
    held(world)
    for ready_at in (now() - 50_000, now() - 90_000):
        world.run(queue="gpu", ready_at=ready_at)
    world.run(queue="gpu", ready_at=1, is_outside=True)
    page = visitor.get("/admin/system").text
    assert "no workers" in row(page, "queue-gpu")
    assert "galley worker --queue gpu" in row(page, "queue-gpu")
    assert [int(n) for n in re.findall(r">(\d+)</td>", row(page, "queue-gpu"))] == [0, 0, 2]
    assert [int(n) for n in re.findall(r">(\d+)</td>", row(page, "queue-default"))] == [1, 1, 0]
    assert "<time" in row(page, "queue-gpu")


def test_a_disk_that_runs_full_is_told_with_its_marks(
    visitor: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = {"disk_stop_bytes": 1 << 50, "disk_warn_bytes": 1 << 50}
    monkeypatch.setitem(app.config, "GALLEY", replace(app.config["GALLEY"], **marks))
    page = row(visitor.get("/admin/system").text, "part-Disk")
    assert "full" in page
    assert "No new runs start" in page
    assert "du -xh" in page
    assert page.count("1024 TiB") == 2


def test_addresses_are_told_without_what_is_secret_in_them(
    visitor: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"redis_url": "redis://me:hunter2@cache:7000/1", "storage_url": "s3://me:hunter2@b/p"}
    monkeypatch.setitem(app.config, "GALLEY", replace(app.config["GALLEY"], **urls))
    page = visitor.get("/admin/system").text
    assert "cache:7000" in row(page, "part-Redis")
    assert "not tested" in row(page, "part-Storage")
    assert "hunter2" not in page


def test_migrations_that_are_missing_are_told(visitor: FlaskClient) -> None:
    name = db.execute_sql("SELECT max(name) FROM schema_migration").fetchone()[0]
    mark = "?" if "sqlite" in type(db.obj).__name__.lower() else "%s"
    db.execute_sql(f"DELETE FROM schema_migration WHERE name = {mark}", (name,))
    try:
        page = row(visitor.get("/admin/system").text, "part-Database")
    finally:
        db.execute_sql(
            f"INSERT INTO schema_migration (name, applied) VALUES ({mark}, '2026-01-01')", (name,)
        )
    assert "behind" in page
    assert "galley migrate" in page
    assert name in page


def test_an_unchanged_system_is_not_sent_again(
    visitor: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "look", lambda _: disk.Room(disk.OK, "/", 10**12))
    a_worker()
    a_reconciler()
    step = held(world)
    first = visitor.get(STATE)
    assert f"data-etag='{first.headers['ETag']}'" in first.text
    known = {"If-None-Match": first.headers["ETag"]}
    assert visitor.get(STATE, headers=known).status_code == 304
    # What every beat renews is no change, nor is a byte on a disk.
    WorkerInfo.update(seen_at=now() + 5).execute()
    ReconcilerInfo.update(seen_at=now() + 5).execute()
    StepRun.update(lease_until=now() + 90_000).where(StepRun.id == step.id).execute()
    monkeypatch.setattr(disk, "look", lambda _: disk.Room(disk.OK, "/", 10**12 + 1))
    second = visitor.get(STATE, headers=known)
    assert (second.status_code, second.data) == (304, b"")
    WorkerInfo.update(seen_at=now() - 120_000).execute()
    assert visitor.get(STATE, headers=known).status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_workers(
    visitor: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker("w1")
    held(world)
    count = counter(monkeypatch)
    before = count(lambda: visitor.get(STATE))
    for number in range(2, 5):
        a_worker(f"w{number}", queue=f"q{number}", host=f"h{number}/b/1")
        held(world, worker=f"w{number}")
        world.run(queue=f"q{number}", ready_at=1)
    assert count(lambda: visitor.get(STATE)) == before > 1


def test_names_of_workers_and_steps_are_text_and_never_markup(
    visitor: FlaskClient, world: World
) -> None:
    a_worker(EVIL, queue=EVIL, host=f"{EVIL}")
    held(world, worker=EVIL, name=EVIL, queue=EVIL)
    page = visitor.get("/admin/system").text
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page

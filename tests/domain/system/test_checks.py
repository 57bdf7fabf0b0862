"""The rules that the doctor, the system page, /readyz and /metrics share, from plain facts."""

from dataclasses import replace

import pytest

from domain.disk import FULL, LOW, OK, Room
from domain.models import ReconcilerInfo, WorkerInfo
from domain.settings import load
from domain.system import checks

AT = 1_800_000_000_000
HOUR = 3_600_000
GIB = 1 << 30


def settings(redis_url=None, storage_url=""):
    loaded = load({"GALLEY_DATA_DIR": "/srv"})
    return replace(loaded, redis_url=redis_url, storage_url=storage_url)


@pytest.mark.parametrize(
    ("missing", "unknown", "state", "way_out"),
    [
        ([], [], "ok", ""),
        (["0002_x"], [], "fault", "galley migrate"),
        ([], ["0009_y"], "fault", "Install the version"),
        # Migrating an old and a new program's database would not fix it.
        (["0002_x"], ["0009_y"], "fault", "Install the version"),
    ],
)
def test_the_tables_are_those_of_this_program(missing, unknown, state, way_out):
    found = checks.migrations(missing, unknown)
    assert found.state == state
    assert way_out in found.way_out


def test_a_silent_redis_is_looked_for_in_its_own_log_or_at_its_url():
    private = checks.redis(settings(), answers=False, error="no socket")
    assert (private.state, private.word) == ("fault", "unreachable")
    assert "/srv/redis (no socket). " in private.message
    assert "/srv/redis/redis.log" in private.way_out
    remote = checks.redis(settings("redis://me:hush@cache:7000/1"), answers=False)
    assert "redis://…@cache:7000/1. " in remote.message
    assert "REDIS_URL" in remote.way_out
    assert checks.redis(settings(), answers=True).state == "ok"


# ---- workers and reconcilers


def worker(name="w", silent_ms=3_000, queue="default", has_room=True):
    return WorkerInfo(name=name, queue=queue, has_room=has_room, seen_at=AT - silent_ms)


def told(rows, busy=()):
    return [(found.state, found.message) for found in checks.workers(rows, AT, busy)]


def test_workers_are_counted_by_queue():
    rows = [worker("a"), worker("b"), worker("c", queue="arm")]
    message = "3 workers online, 1 busy: 1 on queue arm, 2 on queue default."
    assert told(rows, {"b", "gone"}) == [("ok", message)]


def test_without_any_worker_no_step_can_run():
    (found,) = checks.workers([], AT)
    assert (found.state, found.word) == ("fault", "missing")
    assert (found.message, found.command) == (
        "No workers online: no step can run.",
        "galley worker",
    )


def test_a_silent_worker_is_named_and_counts_as_none():
    far = worker("far", silent_ms=2 * HOUR)
    assert told([worker(), far]) == [("warning", "1 worker silent for up to 2 h: far.")]
    assert [state for state, _ in told([far])] == ["fault", "warning"]


def test_a_worker_without_room_is_named():
    ((state, message),) = told([worker("far", has_room=False)])
    assert (state, message.endswith("full: far.")) == ("warning", True)


def test_a_queue_without_workers_is_named_with_the_command():
    ready = {"arm 64": 2, "default": 1}
    (found,) = checks.queues([worker()], AT, ready)
    assert (found.state, found.command) == ("fault", "galley worker --queue 'arm 64'")
    assert found.message == "2 ready on queue arm 64, which has no workers."
    assert list(checks.queues([worker(silent_ms=HOUR)], AT, ready)) == []


def reconciler(name="r", silent_ms=2_000):
    started = AT - HOUR
    return ReconcilerInfo(name=name, host="h1/b/4", seen_at=AT - silent_ms, started_at=started)


@pytest.mark.parametrize(
    ("rows", "state", "message"),
    [
        ([], "fault", "No reconciler: "),
        ([reconciler()], "ok", "Reconciler running on h1."),
        ([reconciler(silent_ms=60_000)], "fault", "Reconciler r silent for 60 s"),
        ([reconciler("q", silent_ms=60_000), reconciler()], "ok", "Reconciler running on h1."),
        ([reconciler("q"), reconciler()], "ok", "2 reconcilers running on h1, h1."),
    ],
)
def test_one_reconciler_has_to_be_alive(rows, state, message):
    found = checks.reconciler(rows, AT)
    assert (found.state, found.message.startswith(message)) == (state, True)
    assert bool(found.way_out) is (found.word == "missing") is (state != "ok")


# ---- storage and disk


@pytest.mark.parametrize(
    ("folder", "is_writable", "state"),
    [("/srv/x", True, "ok"), ("/srv/x", False, "fault"), (None, False, "skipped")],
)
def test_the_storage_is_tested_where_it_is_a_folder(folder, is_writable, state):
    found = checks.storage(settings(storage_url="s3://me:hush@b/p"), folder, is_writable)
    assert found.state == state
    assert "hush" not in found.message


@pytest.mark.parametrize(("word", "state"), [(OK, "ok"), (LOW, "warning"), (FULL, "fault")])
def test_little_room_is_a_warning_and_too_little_a_fault(word, state):
    room = Room(word, "/srv/my data", 4 * GIB + 1)
    found = checks.disk(room, (5 * GIB, GIB))
    assert found.state == state
    room_left = "3.9 GiB free on the disk of /srv/my data (warning below 5 GiB, no new runs below 1"
    assert room_left in found.message
    assert (found.command == "du -xh --max-depth=2 '/srv/my data'") is (state != "ok")

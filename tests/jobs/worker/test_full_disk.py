"""Workers with little or no disk space: the steps they claim, and the steps they run."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from peewee import OperationalError

from domain import disk, engine, models
from domain.accounts.access import SYSTEM_ADMIN
from domain.engine import Ready
from domain.logs.files import log_path
from domain.models import Attempt, Package, Project, Release, Run, StepRun, WorkerInfo, write
from domain.runs import pending_reasons
from domain.runs import queries as run_queries
from domain.settings import Settings
from domain.statuses import FAILED, PENDING, RUNNING, SUCCEEDED
from jobs.queue import Doorbell
from jobs.reconciler.reconciler import Reconciler
from jobs.reconciler.standstill import RING_AGAIN_MS
from jobs.shared.disk_watch import DiskWatch
from jobs.shared.heartbeat import Heartbeat
from jobs.worker import run_step as worker_side
from jobs.worker.attempt import WorkerProcess
from tests.conftest import KINDS, settings_for
from tests.support.disks import SmallDisk
from tests.support.pipelines import (
    a_project,
    a_suite,
    a_workflow,
    build,
    start,
    start_and_ready,
    statuses,
    step_named,
)
from tests.support.pipelines import test as testing
from tests.support.wait import eventually

PASS = "echo x > $GALLEY_OUTPUT/x"
NEVER_ENOUGH = 1 << 50

on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)


@pytest.fixture
def project(database: object) -> Project:
    return a_project()


@pytest.fixture
def working(doorbell: Doorbell) -> Iterator[Callable[[Settings], WorkerProcess]]:
    """Make this process a worker with the settings."""
    with contextlib.ExitStack() as stack:

        def become(settings: Settings) -> WorkerProcess:
            process = WorkerProcess("w1", "default", settings, doorbell, lambda: None)
            worker_side.set_worker(process)
            stack.callback(process.stop_request.close)
            return process

        yield become


def run_it(ready: Ready) -> None:
    worker_side.run_step(ready.step_id, ready.attempt)


def without_room(settings: Settings) -> Settings:
    return replace(settings, disk_stop_bytes=NEVER_ENOUGH)


def a_worker(has_room: bool, queue: str = "default") -> None:
    with write():
        WorkerInfo.create(
            name=f"w{WorkerInfo.select().count()}",
            host="elsewhere",
            pid=1,
            pid_started=1,
            queue=queue,
            has_room=has_room,
        )


# No new runs


def test_a_worker_without_room_begins_no_run(working, project, settings):
    run, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    working(without_room(settings))
    run_it(ready)
    assert statuses(run) == {"a": PENDING}
    assert Attempt.select().count() == 0
    working(settings)
    run_it(ready)
    assert statuses(run) == {"a": SUCCEEDED}


def test_a_run_that_cannot_begin_is_not_in_the_way_of_those_that_have_begun(
    working, project, settings
):
    begun, (a,) = start_and_ready(a_workflow([build("a", PASS)], [build("b", PASS)]))
    held = engine.claim(a.step_id, 1, worker="w0", host="h", lease_ms=60_000)
    waits, (blocked,) = start_and_ready(a_workflow([build("c", PASS)], name="Later"))
    engine.finish(held, engine.Ending(SUCCEEDED))
    assert step_named(waits, "c").ready_at <= step_named(begun, "b").ready_at
    working(without_room(settings))
    run_it(blocked)
    assert statuses(begun) == {"a": SUCCEEDED, "b": SUCCEEDED}
    assert statuses(waits) == {"c": PENDING}


@on_one_database
def test_others_know_at_once_whether_a_worker_has_room(project, settings, small_disk):
    watch = DiskWatch(replace(settings, data_dir=small_disk.path))
    heartbeat = Heartbeat(
        WorkerInfo, "w1", lambda: {"queue": "default", "has_room": watch.has_room()}
    )

    def told() -> bool:
        heartbeat.send()
        return WorkerInfo.get_by_id("w1").has_room

    assert told()
    small_disk.fill()
    assert not told()
    small_disk.clear()
    assert told()


@on_one_database
def test_a_worker_says_whether_it_has_room_before_it_takes_anything(working, project, settings):
    process = working(settings)
    claims: list[int] = []
    process.send_heartbeat = lambda: claims.append(Attempt.select().count())
    _, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    assert claims[0] == 0


@on_one_database
def test_a_full_database_that_takes_no_note_of_a_worker_does_not_stop_it(
    working, project, settings
):
    def say() -> None:
        raise OperationalError("database or disk is full")

    working(settings).send_heartbeat = say
    run, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    assert statuses(run) == {"a": SUCCEEDED}


@on_one_database
def test_a_process_logs_only_changes_of_its_disk(settings, small_disk, caplog):
    watch = DiskWatch(replace(settings, data_dir=small_disk.path))
    watch.has_room()
    small_disk.fill()
    watch.has_room()
    watch.has_room()
    small_disk.clear()
    watch.has_room()
    full, enough = (record.getMessage() for record in caplog.records)
    assert "0 MiB free" in full
    assert "GALLEY_DISK_STOP_BYTES" in full
    assert "enough" in enough


@on_one_database
def test_a_disk_that_hangs_is_checked_once_and_its_last_known_state_counts(
    settings, monkeypatch, caplog
):
    hang = threading.Event()
    looks: list[Settings] = []

    def look(settings: Settings) -> disk.Room:
        looks.append(settings)
        hang.wait(20)
        return disk.Room(disk.FULL, "/srv", 0)

    monkeypatch.setattr(disk, "look", look)
    watch = DiskWatch(settings)
    assert watch.has_room()
    assert watch.has_room()
    assert len(looks) == 1
    assert caplog.text.count("does not answer") == 1
    hang.set()
    eventually(lambda: not watch.has_room())


# Pending reasons


def reasons(run: Run) -> list[pending_reasons.Reason]:
    return run_queries.details(Run.get_by_id(run.id)).reasons.run


def test_a_run_that_no_worker_has_room_for_says_so_and_who_can_help(project):
    run = start(a_workflow([build("a")]))
    a_worker(has_room=False)
    a_worker(has_room=False)
    a_worker(has_room=True, queue="another")
    (reason,) = reasons(run)
    assert (reason["code"], reason["who"]) == ("disk_full", [SYSTEM_ADMIN])
    assert "Free some space" in reason["message"]


def test_one_worker_with_room_is_enough(project):
    run = start(a_workflow([build("a")]))
    a_worker(has_room=False)
    a_worker(has_room=True)
    assert [reason["code"] for reason in reasons(run)] == ["queue_position"]


def test_a_run_that_has_begun_waits_for_no_room(project):
    run, (a, b) = start_and_ready(a_workflow([build("a"), build("b")]))
    engine.claim(a.step_id, 1, worker="w1", host="h", lease_ms=60_000)
    a_worker(has_room=False)
    (reason,) = run_queries.details(Run.get_by_id(run.id)).reasons.steps[b.step_id]
    assert reason["code"] == "queue_position"


# Runs that wait are enqueued again


def everything_is_overdue() -> None:
    with write():
        StepRun.update(rung_at=StepRun.rung_at - RING_AGAIN_MS - 1).execute()


def test_runs_that_wait_for_room_are_enqueued_one_at_a_time(project, settings, doorbell):
    workflow = a_workflow([build("a"), build("b")])
    start(workflow)
    begun, (of_begun, _) = start_and_ready(workflow)
    engine.claim(of_begun.step_id, 1, worker="w1", host="h", lease_ms=60_000)
    a_worker(has_room=False)
    everything_is_overdue()
    Reconciler(settings, doorbell).tick()
    rung = {message.split("-")[0][1:] for message in doorbell.waiting_messages("default")}
    assert step_named(begun, "b").id in rung
    assert len(rung) == 2

    with write():
        WorkerInfo.update(has_room=True).execute()
    everything_is_overdue()
    Reconciler(settings, doorbell).tick()
    assert len(doorbell.waiting_messages("default")) == 3


def test_one_message_is_enough_if_only_some_workers_have_room(project, settings, doorbell):
    """Workers without room would consume all messages without running a step."""
    workflow = a_workflow([build("a"), build("b")])
    steps = [step for _ in range(2) for step in start_and_ready(workflow)[1]]
    a_worker(has_room=False)
    a_worker(has_room=True)
    everything_is_overdue()
    reconciler = Reconciler(settings, doorbell)

    def rung() -> list[str]:
        reconciler.tick()
        return [m.split("-")[0][1:] for m in doorbell.waiting_messages("default")]

    assert rung() == [steps[0].step_id]
    assert rung() == [steps[0].step_id]
    doorbell.queue("default").empty()  # one without room took it
    assert rung() == [steps[1].step_id]


# Running steps continue


@on_one_database
def test_a_script_goes_on_when_there_is_no_room_for_its_log(
    working, project, settings, small_disk, tmp_path
):
    mark = tmp_path / "mark"
    script = f"head -c 5000000 /dev/zero; echo done > {mark}"
    a_suite(project, script)
    working(replace(settings, data_dir=small_disk.path))
    _, (ready,) = start_and_ready(a_workflow([testing("a", "unit")]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert mark.read_text() == "done\n"
    assert step.status == SUCCEEDED
    assert "The log is incomplete: No space left on device." in step.message
    path = log_path(small_disk.path, step.run_id, step.id, 1)
    assert step.log_size == path.stat().st_size > 1_000_000


@on_one_database
def test_a_step_that_finds_no_room_for_its_folder_fails_and_says_why(
    working, project, settings, small_disk
):
    working(replace(settings, data_dir=small_disk.path, disk_stop_bytes=0))
    small_disk.fill()
    _, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert step.status == FAILED
    assert "No space left on device" in step.message


@on_one_database
def test_a_package_that_finds_no_room_fails_its_step_and_nothing_is_released(
    working, project, settings, small_disk
):
    storage = small_disk.path / "storage"
    working(replace(settings, storage_url=f"file://{storage}"))
    script = "echo x > $GALLEY_OUTPUT/a; head -c 5000000 /dev/zero > $GALLEY_OUTPUT/b"
    _, (ready,) = start_and_ready(a_workflow([build("a", script)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert step.status == FAILED
    assert step.message == "b could not be stored: No space left on device. Nothing was released."
    assert Release.select().count() == Package.select().count() == 0
    (stored,) = (path for path in storage.rglob("*") if path.is_file())
    assert stored.read_text() == "x\n"


@pytest.fixture
def on_small_disk(
    small_disk: SmallDisk, sqlite_template: Path, tmp_path: Path
) -> Iterator[Settings]:
    """A small disk that holds only the database."""
    path = small_disk.path / "galley.db"
    path.write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{path}"
    settings = settings_for(tmp_path / "data", DATABASE_URL=url, GALLEY_DISK_STOP_BYTES="0")
    database = models.connect(settings, pooled=False)
    with database.connection_context():
        yield settings


def test_a_result_is_kept_until_the_disk_of_the_database_has_room_for_it(
    working, on_small_disk, small_disk, caplog
):
    a_suite(a_project(), f"cat /dev/zero > {small_disk.filling} || true")
    working(on_small_disk)
    _, (ready,) = start_and_ready(a_workflow([testing("a", "unit")]))

    def work() -> None:
        with contextlib.closing(models.db):
            run_it(ready)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        eventually(lambda: "retrying: database or disk is full" in caplog.text, 10)
        assert StepRun.get_by_id(ready.step_id).status == RUNNING
    finally:
        small_disk.clear()
        worker.join()
    assert StepRun.get_by_id(ready.step_id).status == SUCCEEDED

"""The reconciler against real databases and a real Redis; workers are played by their claims."""

import io
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from domain import engine
from domain.clock import now
from domain.engine import Ready
from domain.models import (
    DiscardedFile,
    IdempotencyKey,
    ReconcilerInfo,
    Run,
    StepRun,
    User,
    WorkerInfo,
    write,
)
from domain.releases.garbage_collection import KEPT_MS, discard
from domain.releases.storage import UNFINISHED_SECONDS, StorageError, open_storage
from domain.statuses import FAILED, PENDING, RUNNING
from domain.system import heartbeats
from jobs.queue import Doorbell, message_id
from jobs.reconciler import cleanup
from jobs.reconciler import reconciler as module
from jobs.reconciler.reconciler import Reconciler
from jobs.reconciler.standstill import RING_AGAIN_MS
from jobs.shared import host
from tests.support.pipelines import (
    a_project,
    a_workflow,
    build,
    start,
    start_and_ready,
    statuses,
    step_named,
)

HOUR = 3_600_000

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(database):
    return a_project()


@pytest.fixture
def reconciler(settings, doorbell) -> Reconciler:
    return Reconciler(settings, doorbell)


def claim(ready: Ready, worker: str = "w1", lease_ms: int = 60_000):
    return engine.claim(
        ready.step_id, ready.attempt, worker=worker, host=host.identity(), lease_ms=lease_ms
    )


def let_time_pass(step_id: str, milliseconds: int) -> None:
    with write():
        StepRun.update(rung_at=StepRun.rung_at - milliseconds).where(
            StepRun.id == step_id
        ).execute()


def messages(doorbell: Doorbell) -> list[str]:
    return doorbell.waiting_messages("default")


def test_a_message_that_was_lost_is_sent_anew_under_another_id(reconciler, doorbell):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    let_time_pass(ready.step_id, RING_AGAIN_MS + 1)
    reconciler.tick()
    again = Ready(ready.step_id, 1, 1, "default")
    assert messages(doorbell) == [message_id(again)]


def test_a_message_that_still_waits_is_not_sent_twice(reconciler, doorbell):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    doorbell.ring([ready])
    let_time_pass(ready.step_id, RING_AGAIN_MS + 1)
    reconciler.tick()
    assert messages(doorbell) == [message_id(ready)]


def test_a_fresh_message_is_given_its_time(reconciler, doorbell):
    start(a_workflow([build("a")]))
    reconciler.tick()
    assert messages(doorbell) == []


def test_ringing_twice_for_one_step_leaves_one_message(doorbell):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    assert doorbell.ring([ready])
    assert doorbell.ring([ready])
    assert messages(doorbell) == [message_id(ready)]


def test_without_redis_ringing_gives_up_at_once(tmp_path):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    begin = time.monotonic()
    assert Doorbell(f"unix://{tmp_path}/nobody").ring([ready]) is False
    assert time.monotonic() - begin < 1


def test_a_lease_that_is_over_is_not_taken_at_once_after_a_start(reconciler):
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    claim(ready, lease_ms=-1)
    reconciler.tick()
    assert statuses(run) == {"a": RUNNING}


def test_a_lease_that_is_over_is_taken_when_the_worker_had_its_time(settings, doorbell):
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    claim(ready, lease_ms=-1)
    reconciler = Reconciler(settings, doorbell)
    reconciler.context.patient_until = 0
    reconciler.tick()
    assert statuses(run) == {"a": PENDING}
    assert messages(doorbell) == [message_id(Ready(ready.step_id, 2, 0, "default"))]


def test_the_steps_of_a_worker_that_is_gone_are_taken_back_at_once(reconciler):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with write():
            WorkerInfo.create(
                name="w1",
                host=host.identity(),
                pid=process.pid,
                pid_started=host.started(process.pid),
                queue="default",
            )
        run, (ready,) = start_and_ready(a_workflow([build("a")]))
        claim(ready)
        reconciler.tick()
        assert statuses(run) == {"a": RUNNING}
        process.kill()
        process.wait()
        reconciler.tick()
    assert statuses(run) == {"a": PENDING}
    assert step_named(run, "a").message == "The worker w1 was lost."
    assert WorkerInfo.select().count() == 0


def test_workers_of_other_hosts_are_judged_by_their_leases_alone(reconciler):
    with write():
        WorkerInfo.create(
            name="w1", host="elsewhere", pid=os.getpid(), pid_started=1, queue="default"
        )
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    claim(ready)
    reconciler.tick()
    assert statuses(run) == {"a": RUNNING}


def test_a_step_that_waits_for_the_outside_too_long_fails(reconciler):
    run = start(a_workflow([build("a", script=None, timeoutSeconds=1)]))
    with write():
        StepRun.update(ready_at=now() - 1_001).where(StepRun.run == run.id).execute()
    reconciler.tick()
    assert statuses(run) == {"a": FAILED}


def test_a_run_that_nobody_advanced_is_advanced(reconciler, doorbell):
    run = start(a_workflow([build("a")], [build("b")]))
    with write():
        StepRun.update(status="Succeeded", completed_at=now()).where(
            (StepRun.run == run.id) & (StepRun.name == "a")
        ).execute()
    reconciler.tick()
    assert step_named(run, "b").ready_at is not None
    assert len(messages(doorbell)) == 1


def test_a_held_back_run_is_let_in_when_there_is_room(reconciler):
    workflow = a_workflow([build("a")], concurrency=1)
    first, second = start(workflow), start(workflow)
    with write():
        Run.update(status=FAILED, completed_at=now()).where(Run.id == first.id).execute()
    reconciler.tick()
    assert Run.get_by_id(second.id).admitted


def test_folders_of_attempts_that_are_over_are_removed(reconciler, settings):
    _, (first, second) = start_and_ready(a_workflow([build("a"), build("b")]))
    claim(first)
    work = settings.data_dir / "work"
    for name in (f"{first.step_id}.1", f"{second.step_id}.1", "something-else.x"):
        (work / name).mkdir(parents=True)
    reconciler.tick()
    assert sorted(p.name for p in work.iterdir()) == sorted(
        [f"{first.step_id}.1", "something-else.x"]
    )


def test_what_killed_workers_had_begun_to_store_is_removed_a_day_later(reconciler, settings):
    packages = settings.data_dir / "storage" / "packages"
    packages.mkdir(parents=True)
    for name, age in (("old", UNFINISHED_SECONDS + 60), ("young", 60)):
        path = packages / f".incoming-{name}"
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    reconciler.tick()
    assert [path.name for path in packages.iterdir()] == [".incoming-young"]


def test_what_killed_web_servers_had_begun_to_take_in_is_removed_a_day_later(reconciler, settings):
    incoming = settings.data_dir / "logs" / ".incoming"
    for name, age in (("old", UNFINISHED_SECONDS + 60), ("young", 60)):
        folder = incoming / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    reconciler.tick()
    assert [path.name for path in incoming.iterdir()] == ["young"]


def test_a_remote_storage_is_not_opened_for_that(settings, doorbell, caplog):
    elsewhere = replace(settings, storage_url="carrier-pigeon://loft")
    Reconciler(elsewhere, doorbell).tick()
    assert caplog.text == ""


def test_old_idempotency_keys_are_forgotten(reconciler):
    with write():
        user = User.create(username="ann")
        for key, created_at in (("old", now() - 25 * 3600 * 1000), ("new", now())):
            IdempotencyKey.create(
                user=user,
                key=key,
                target="POST /x",
                body_hash="0",
                status=201,
                answer={},
                created_at=created_at,
            )
    reconciler.tick()
    assert [kept.key for kept in IdempotencyKey.select()] == ["new"]


def test_a_jump_of_the_clock_gives_workers_a_lease_to_be_heard_of(settings, doorbell):
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    claim(ready, lease_ms=-1)
    reconciler = Reconciler(settings, doorbell)
    reconciler.context.patient_until = 0
    reconciler.context.last_look -= 3_600_000
    reconciler.tick()
    assert statuses(run) == {"a": RUNNING}


def test_a_workspace_nested_a_thousand_deep_does_not_stop_the_reconciler(reconciler, settings):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    folder = settings.data_dir / "work" / f"{ready.step_id}.1"
    folder.mkdir(parents=True)
    script = "for i in range(1500): os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", f"import os\n{script}"], cwd=folder, check=True)
    reconciler.tick()
    assert not folder.exists()


def a_worker_seen(at: int) -> None:
    with write():
        WorkerInfo.create(
            name="w1", host="elsewhere", pid=1, pid_started=1, queue="default", seen_at=at
        )


@pytest.mark.parametrize("lease_ms", [15_000, 120_000])
def test_a_clock_that_was_set_back_does_not_keep_a_lost_step_for_its_whole_way(
    reconciler, lease_ms
):
    """Whatever the length of its leases: the reconciler's own setting says nothing of them."""
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    a_worker_seen(now() + HOUR)
    held = claim(ready, lease_ms=HOUR + lease_ms)
    before = now()
    reconciler.tick()
    assert before <= WorkerInfo.get_by_id("w1").seen_at <= now()
    assert lease_ms <= step_named(run, "a").lease_until - before <= lease_ms + 5_000
    reconciler.tick()
    assert lease_ms <= step_named(run, "a").lease_until - before <= lease_ms + 5_000
    assert engine.beat(held, lease_ms=60_000, log_size=0) == "ok"


@pytest.mark.parametrize(
    ("seen_ms", "lease_ms"),
    [(0, 15_000), (0, HOUR), (-20_000, HOUR), (HOUR, 15_000)],
    ids=["usual", "longer than its own", "longer, silent between beats", "renewed since"],
)
def test_a_lease_is_left_alone_unless_its_worker_spoke_from_the_future(
    reconciler, seen_ms, lease_ms
):
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    a_worker_seen(now() + seen_ms)
    claim(ready, lease_ms=lease_ms)
    before = step_named(run, "a").lease_until
    reconciler.tick()
    assert step_named(run, "a").lease_until == before


def test_a_message_from_before_the_clock_was_set_back_is_sent_anew(reconciler, doorbell):
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    let_time_pass(ready.step_id, -3_600_000)
    reconciler.tick()
    assert messages(doorbell) == [message_id(Ready(ready.step_id, 1, 1, "default"))]


def test_files_of_a_deleted_release_are_set_aside_and_removed_two_days_later(reconciler, settings):
    storage = open_storage(settings)
    sha256 = storage.put(io.BytesIO(b"duck")).sha256
    with write():
        discard([sha256])
    reconciler.tick()
    storage.verify(sha256)
    with write():
        DiscardedFile.update(aside_since=now() - KEPT_MS - 1).execute()
    reconciler.context.rare_at = 0
    reconciler.tick()
    with pytest.raises(StorageError):
        storage.verify(sha256)
    assert not DiscardedFile.select().exists()


def reconciler_row(name: str, **more) -> None:
    with write():
        ReconcilerInfo.create(**{"name": name, "host": host.identity(), "pid": 1, **more})


def test_a_reconciler_says_that_it_is_there_until_its_end(reconciler):
    assert heartbeats.reconcilers() == []
    reconciler.tick()
    (row,) = heartbeats.reconcilers()
    assert heartbeats.is_alive(row, now())
    reconciler.heartbeat.end()
    assert heartbeats.reconcilers() == []


def test_reconcilers_that_are_gone_are_forgotten(reconciler):
    mine = {"pid": os.getpid(), "pid_started": host.started(os.getpid())}
    reconciler_row("alive", **mine)
    reconciler_row("gone", pid=os.getpid(), pid_started=1)
    reconciler_row("elsewhere", host="elsewhere", pid_started=1)
    reconciler_row("long ago", host="elsewhere", pid_started=1, seen_at=now() - 25 * 3600 * 1000)
    cleanup.delete_missing_reconcilers(reconciler.context)
    names = {row.name for row in ReconcilerInfo.select()}
    assert names == {"alive", "elsewhere"}


def test_a_repair_that_fails_does_not_keep_the_others_from_being_made(
    reconciler, doorbell, monkeypatch, caplog
):
    def take_back_lost_steps(context):
        raise ValueError("a row that nobody foresaw")

    monkeypatch.setattr(module, "OFTEN", (take_back_lost_steps, *module.OFTEN))
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    let_time_pass(ready.step_id, RING_AGAIN_MS + 1)
    reconciler.tick()
    assert len(messages(doorbell)) == 1
    assert "a repair failed: take_back_lost_steps" in caplog.text

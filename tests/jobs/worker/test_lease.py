"""The lease of a running step: stop requests arrive, and nothing delays renewals."""

import threading
from collections.abc import Callable, Iterator

import pytest

from domain import disk, engine
from domain.models import StepRun, WorkerInfo
from domain.settings import Settings
from jobs.scripts.runner import Stop, StopRequest
from jobs.shared.disk_watch import DiskWatch
from jobs.shared.heartbeat import Heartbeat
from jobs.worker.lease import Lease
from tests.support.pipelines import ACTOR, a_project, a_workflow, build, start_and_ready
from tests.support.wait import eventually


@pytest.fixture
def held(database) -> engine.Claim:
    a_project()
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = engine.claim(ready.step_id, 1, worker="w1", host="h", lease_ms=60_000)
    assert held is not None
    return held


@pytest.fixture
def stop_request() -> Iterator[StopRequest]:
    stop_request = StopRequest()
    yield stop_request
    stop_request.close()


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """An event that is set at the end of the test at the latest."""
    over = threading.Event()
    yield over
    over.set()


def a_lease(
    held: engine.Claim, stop_request: StopRequest, seen: Callable[[], object], lease: float
) -> Lease:
    return Lease(held, stop_request, lease_seconds=lease, log_size=lambda: 7, send_heartbeat=seen)


def test_a_stop_request_arrives_before_the_heartbeat_is_sent(held, stop_request, hang):
    engine.abort_run(held.run_id, by=ACTOR)
    with a_lease(held, stop_request, lambda: hang.wait(20), lease=60) as running:
        running.check_now()
        eventually(lambda: stop_request.reason is Stop.CANCELLED)
        hang.set()


def test_a_failed_heartbeat_delays_no_stop_request(held, stop_request, caplog):
    def say() -> None:
        raise ValueError("of all things")

    engine.abort_run(held.run_id, by=ACTOR)
    with a_lease(held, stop_request, say, lease=60) as running:
        running.check_now()
        eventually(lambda: stop_request.reason is Stop.CANCELLED)
    assert "of all things" in caplog.text


def test_a_disk_that_hangs_does_not_hold_up_the_beats(
    held, stop_request, hang, settings, monkeypatch
):
    def look(settings: Settings) -> disk.Room:
        hang.wait(20)
        return disk.Room(disk.OK, "/srv", 1)

    monkeypatch.setattr(disk, "look", look)
    watch = DiskWatch(settings)
    more = {"queue": "default"}
    heartbeat = Heartbeat(WorkerInfo, "w1", lambda: {**more, "has_room": watch.has_room()})
    leases: set[int] = set()

    def renewed() -> int:
        leases.add(StepRun.get_by_id(held.step_id).lease_until)
        return len(leases)

    with a_lease(held, stop_request, heartbeat.send, lease=1):
        eventually(lambda: renewed() == 4)
    assert WorkerInfo.get_by_id("w1").has_room

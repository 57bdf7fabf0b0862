"""The heartbeats of workers and reconcilers."""

import pytest

from domain.models import WorkerInfo, write
from jobs.shared.heartbeat import SEEN_EVERY_SECONDS, Heartbeat
from tests.support.engine.bench import Clock


@pytest.fixture
def clock(database, monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("domain.clock.time", clock)
    return clock


@pytest.mark.parametrize(
    ("passed_ms", "is_said"),
    [
        (SEEN_EVERY_SECONDS * 1000 - 1, False),
        (SEEN_EVERY_SECONDS * 1000, True),
        (-1, True),
        (-3_600_000, True),
    ],
)
def test_a_heartbeat_is_sent_regularly_and_at_once_after_the_clock_was_set_back(
    clock, passed_ms, is_said
):
    heartbeat = Heartbeat(WorkerInfo, "w1", lambda: {"queue": "default"})
    heartbeat.send()
    with write():
        WorkerInfo.update(seen_at=0).execute()
    clock.ms += passed_ms
    heartbeat.send()
    assert WorkerInfo.get_by_id("w1").seen_at == (clock.ms if is_said else 0)

"""Disks that fill up under running workers."""

from dataclasses import replace

import pytest

from domain.models import Run
from domain.runs import queries as run_queries
from domain.statuses import SUCCEEDED
from tests.conftest import KINDS
from tests.support.disks import SIZE
from tests.support.pipelines import a_project, a_workflow, build, start_and_ready
from tests.support.wait import eventually

pytestmark = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)

PASS = "echo x > $GALLEY_OUTPUT/x"
LITTLE = SIZE // 100


@pytest.fixture
def plant(plant, small_disk):
    """All but the database is on the small disk."""
    a_project()
    plant.settings = replace(plant.settings, data_dir=small_disk.path)
    return plant


def why(run: Run) -> list[str]:
    reasons = run_queries.details(Run.get_by_id(run.id)).reasons.run
    return [reason["code"] for reason in reasons]


def has_succeeded(run: Run) -> bool:
    return Run.get_by_id(run.id).status == SUCCEEDED


def test_runs_that_wait_for_room_begin_by_themselves_soon_after_there_is_some(
    plant, doorbell, small_disk
):
    small_disk.fill(leave=LITTLE)
    for _ in range(2):
        plant.worker()
    plant.reconciler()
    workflow = a_workflow([build("a", PASS)])
    runs = [start_and_ready(workflow) for _ in range(3)]
    for run, ready in runs:
        doorbell.ring(ready)
        assert why(run) == ["disk_full"]
    eventually(lambda: not doorbell.waiting_messages("default"), 5, "workers to decline them")
    small_disk.clear()
    eventually(lambda: all(has_succeeded(run) for run, _ in runs), 5, "every run to succeed")


def test_a_run_goes_on_while_new_ones_wait_for_room(plant, doorbell, small_disk, tmp_path):
    go = tmp_path / "go"
    wait = f"until [ -e {go} ]; do sleep 0.02; done; {PASS}"
    plant.worker()
    plant.reconciler()
    begun, first = start_and_ready(a_workflow([build("a", wait)], [build("b", PASS)]))
    doorbell.ring(first)
    eventually(lambda: why(begun) == [], 10, "the run to begin")
    small_disk.fill(leave=LITTLE)
    waits, second = start_and_ready(a_workflow([build("c", PASS)], name="Later"))
    doorbell.ring(second)
    go.touch()
    eventually(lambda: has_succeeded(begun), 10, "the run to go on")
    eventually(lambda: why(waits) == ["disk_full"], 10, "the other to say why it waits")
    small_disk.clear()
    eventually(lambda: has_succeeded(waits), 10, "the other to begin")

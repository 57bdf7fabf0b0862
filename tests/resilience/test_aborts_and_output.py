"""Aborts in every state of a step, and scripts that print or behave as no script should."""

from dataclasses import replace

import pytest

from domain import engine
from domain.logs.files import log_path
from domain.models import Run, StageRun, StepRun, write
from domain.settings import MIB
from domain.statuses import CANCELLED, SKIPPED, SUCCEEDED
from tests.conftest import KINDS
from tests.resilience.gates import PASS, ended, two_steps
from tests.support import invariants
from tests.support.bell import announced
from tests.support.pipelines import ACTOR, a_project, a_workflow, build, start_and_ready, step_named
from tests.support.processes import that_know
from tests.support.wait import eventually

on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)


def abort(run: Run, doorbell) -> None:
    doorbell.ring(announced(lambda: engine.abort_run(run.id, by=ACTOR)))


def statuses(run: Run) -> list[str]:
    return [
        step.status
        for step in StepRun.select()
        .join(StageRun)
        .where(StepRun.run == run.id)
        .order_by(StageRun.position, StepRun.position)
    ]


# ---- aborts ----


def test_a_pending_run_is_stopped_before_any_worker_comes(plant, doorbell):
    run = two_steps(doorbell)
    abort(run, doorbell)
    plant.worker(), plant.reconciler()
    assert ended(run).status == CANCELLED
    assert statuses(run) == [CANCELLED, SKIPPED]
    invariants.hold(plant.settings)


def test_an_abort_right_after_the_claim_reaches_the_script_at_once(plant, doorbell, gate):
    """And not with the next beat, which comes after a third of the lease."""
    run = two_steps(doorbell, gate.script)
    worker = plant.worker(halt="after the claim")
    worker.halted()
    abort(run, doorbell)
    worker.go_on()
    assert ended(run, plant.settings.lease_seconds / 3 - 1).status == CANCELLED
    assert statuses(run) == [CANCELLED, SKIPPED]
    invariants.hold(plant.settings)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("before it finishes", [SUCCEEDED, SKIPPED]),
        ("between finishing and the bell", [SUCCEEDED, CANCELLED]),
    ],
)
def test_an_abort_while_a_step_ends_comes_too_late_for_it(plant, doorbell, point, expected):
    run = two_steps(doorbell)
    worker = plant.worker(halt=point)
    worker.halted()
    abort(run, doorbell)
    worker.go_on()
    assert ended(run).status == CANCELLED
    assert statuses(run) == expected
    invariants.hold(plant.settings)


def test_an_abort_of_a_running_script_that_ignores_sigterm_ends_after_the_grace(
    plant, doorbell, tmp_path
):
    plant.settings = replace(plant.settings, kill_grace_seconds=0.2)
    there = tmp_path / "there"
    stubborn = f"trap '' TERM; setsid -f sleep 600; touch {there}; while :; do sleep 0.1; done"
    run = two_steps(doorbell, stubborn)
    plant.worker()
    eventually(there.exists, 15, "the script")
    abort(run, doorbell)
    assert ended(run).status == CANCELLED
    assert statuses(run) == [CANCELLED, SKIPPED]
    assert not that_know(str(plant.settings.data_dir / "work"))
    invariants.hold(plant.settings)


def test_an_abort_without_redis_reaches_the_script_with_the_next_beat(plant, doorbell, gate):
    plant.settings = replace(plant.settings, lease_seconds=1)
    run = two_steps(doorbell, gate.script)
    plant.worker()
    gate.is_reached()
    engine.abort_run(run.id, by=ACTOR)
    assert ended(run).status == CANCELLED
    invariants.hold(plant.settings)


def test_an_abort_whose_worker_dies_of_it_all_is_still_an_abort(plant, doorbell, gate):
    run = two_steps(doorbell, gate.script)
    worker = plant.worker()
    gate.is_reached()
    engine.abort_run(run.id, by=ACTOR)
    worker.kill()
    plant.reconciler()
    assert ended(run).status == CANCELLED
    assert statuses(run) == [CANCELLED, SKIPPED]
    invariants.hold(plant.settings)


@pytest.mark.parametrize("waits", ["approval", "outside"])
def test_a_run_that_waits_for_somebody_is_stopped(plant, doorbell, waits):
    a_project()
    first = {"steps": [build("a", None if waits == "outside" else PASS)]}
    if waits == "approval":
        first["approval"] = {"required": True, "roles": ["SuperUser"]}
    run, _ = start_and_ready(a_workflow(first, [build("b", PASS)]))
    abort(run, doorbell)
    assert ended(run).status == CANCELLED
    assert CANCELLED in statuses(run) or statuses(run) == [SKIPPED, SKIPPED]
    invariants.hold(plant.settings)


# ---- time ----


@on_one_database
def test_the_time_in_the_queue_does_not_count_against_the_time_limit(plant, doorbell):
    a_project()
    run, ready = start_and_ready(a_workflow([build("a", PASS, timeoutSeconds=1)]))
    with write():
        StepRun.update(ready_at=StepRun.ready_at - 3_600_000).execute()
    doorbell.ring(ready)
    plant.worker()
    assert ended(run).status == SUCCEEDED


# ---- output ----


def log_of(plant, run: Run, name: str = "first") -> bytes:
    step = step_named(run, name)
    path = log_path(plant.settings.data_dir, run.id, step.id, step.attempt)
    assert step.log_size == path.stat().st_size
    return path.read_bytes()


@on_one_database
@pytest.mark.parametrize(
    ("output", "end"),
    [
        pytest.param("head -c 1073741824 /dev/zero | tr '\\0' 'x'", b"", id="1 GiB in one line"),
        pytest.param(
            "head -c 52428800 /dev/zero | tr '\\0' 'y'", b"y" * 50 * MIB, id="50 MiB line"
        ),
        pytest.param("head -c 3000000 /dev/urandom", b"", id="binary"),
        pytest.param(
            "printf 'caf\\303'; printf '\\251 \\377\\n'", b"caf\xc3\xa9 \xff\n", id="UTF-8"
        ),
    ],
)
def test_whatever_a_script_prints_its_step_and_its_last_words_are_kept(
    plant, doorbell, output, end
):
    run = two_steps(doorbell, f"{output}\necho; echo the last words\n{PASS}")
    plant.worker()
    plant.reconciler()  # a busy Redis may lose the message
    assert ended(run, 60).status == SUCCEEDED
    log = log_of(plant, run)
    assert end in log
    assert b"\nthe last words\n" in log
    assert len(log) < 102 * MIB
    if len(log) > 100 * MIB:
        assert b"bytes were left out here" in log


@on_one_database
@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exec >&- 2>&-", id="closes its output"),
        pytest.param("sleep 600 & sleep 600 >/dev/null 2>&1 &", id="leaves children that hold it"),
        pytest.param("(trap '' TERM HUP; setsid -f sleep 600)", id="leaves a daemon"),
    ],
)
def test_a_step_ends_with_its_script_whatever_happens_to_its_output(plant, doorbell, script):
    run = two_steps(doorbell, f"{script}\n{PASS}")
    plant.worker()
    assert ended(run).status == SUCCEEDED
    assert not that_know(str(plant.settings.data_dir / "work"))
    invariants.hold(plant.settings)


def test_what_was_printed_before_a_kill_of_the_worker_is_in_the_log(plant, doorbell, gate):
    lines = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done\n"
    run = two_steps(doorbell, lines + gate.script)
    worker = plant.worker()
    gate.is_reached()
    first = step_named(run, "first")
    path = log_path(plant.settings.data_dir, run.id, first.id, 1)
    eventually(lambda: b"line 2000\n" in path.read_bytes(), 15, "the worker to empty the pipe")
    worker.kill()
    plant.reconciler()
    eventually(lambda: step_named(run, "first").attempt == 2, 15, "the step to be taken back")
    printed = [line for line in path.read_text().splitlines() if line.startswith("line ")]
    assert printed == [f"line {number}" for number in range(1, 2001)]

"""A worker's part of the engine, in this process: real scripts, real databases, a real Redis."""

import threading
from dataclasses import replace

import pytest

from domain import engine
from domain.engine import Ready
from domain.logs.files import log_path
from domain.models import Attempt, Run, StepRun, StepSpec, write
from domain.secret_key import Keys
from domain.statuses import CANCELLED, FAILED, PENDING, SUCCEEDED
from jobs.scripts.runner import Stop
from jobs.worker import run_step as worker_side
from jobs.worker.attempt import WorkerProcess
from tests.support.pipelines import ACTOR, a_project, a_workflow, build, start_and_ready, statuses

PASS = "echo x > $GALLEY_OUTPUT/x"


@pytest.fixture
def process(database, settings, doorbell):
    a_project()
    process = WorkerProcess("w1", "default", settings, doorbell, lambda: None)
    worker_side.set_worker(process)
    yield process
    process.stop_request.close()


def run_it(ready: Ready) -> None:
    worker_side.run_step(ready.step_id, ready.attempt)


def log_of(process, step_id: str, attempt: int = 1) -> str:
    run_id = StepRun.get_by_id(step_id).run_id
    return log_path(process.settings.data_dir, run_id, step_id, attempt).read_text()


def test_an_awake_worker_runs_everything_that_is_ready(process):
    workflow = a_workflow([build("a", PASS), build("b", PASS)], [build("c", PASS)])
    run, (ready, _) = start_and_ready(workflow)
    run_it(ready)
    assert statuses(run) == {"a": SUCCEEDED, "b": SUCCEEDED, "c": SUCCEEDED}
    assert Run.get_by_id(run.id).status == SUCCEEDED


def test_a_late_message_wakes_a_worker_for_the_oldest_step(process):
    workflow = a_workflow([build("a", PASS)])
    first, (early,) = start_and_ready(workflow)
    engine.abort_run(first.id, by=ACTOR)
    second, _ = start_and_ready(workflow)
    run_it(early)
    assert statuses(second) == {"a": SUCCEEDED}


def test_steps_of_other_queues_are_left_to_their_workers(process, doorbell):
    run, (ready,) = start_and_ready(a_workflow([build("a", PASS)], [build("b", PASS, queue="arm")]))
    run_it(ready)
    assert statuses(run) == {"a": SUCCEEDED, "b": PENDING}
    assert len(doorbell.waiting_messages("arm")) == 1


def test_a_worker_that_is_being_stopped_takes_nothing_more(process):
    run, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    process.stopping = True
    run_it(ready)
    assert statuses(run) == {"a": PENDING}
    assert Attempt.select().count() == 0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "The script ended with exit code 3."),
        ("no-such-command", "exit code 127: a command was not found"),
        ("#!/no/such/interpreter\n", "/no/such/interpreter"),
        ("kill -9 $$", "killed by SIGKILL"),
        ("head -c 3000000 /dev/urandom; exit 1", "exit code 1"),
    ],
)
def test_a_script_that_fails_says_what_happened(process, script, message):
    run, (ready,) = start_and_ready(a_workflow([build("a", script)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert step.status == FAILED
    assert message in step.message
    assert step.log_size > 0
    assert Run.get_by_id(run.id).status == FAILED


def test_children_that_a_script_leaves_are_stopped_and_named(process):
    until_it_sleeps = "until grep -qs sleep /proc/$!/comm; do :; done"
    script = f"setsid sleep 60 &\n{until_it_sleeps}\n{PASS}"
    _, (ready,) = start_and_ready(a_workflow([build("a", script)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert step.status == SUCCEEDED
    assert "sleep" in step.message
    assert "sleep" in log_of(process, step.id)


def test_a_step_runs_for_its_time_limit_and_no_longer(process):
    _, (ready,) = start_and_ready(a_workflow([build("a", "sleep 60", timeoutSeconds=1)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert (step.status, "time limit" in step.message) == (FAILED, True)


def test_a_result_that_galley_cannot_record_fails_the_step(process, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr("jobs.steps.build.record_release", broken)
    _, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert (step.status, "could not record" in step.message) == (FAILED, True)


def test_nothing_of_the_server_is_in_a_scripts_environment(process, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("GALLEY_SECRET_KEY", "secret")
    _, (ready,) = start_and_ready(a_workflow([build("a", f"env; {PASS}")]))
    run_it(ready)
    assert "secret" not in log_of(process, ready.step_id)


def test_the_limits_of_the_settings_hold_for_a_script(process):
    process.settings = replace(process.settings, step_open_files=50, step_file_bytes=1 << 20)
    script = f"ulimit -H -n; head -c 2000000 /dev/zero > big; {PASS}"
    _, (ready,) = start_and_ready(a_workflow([build("a", script)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert log_of(process, step.id).startswith("50\n")
    assert step.status == FAILED
    assert "GALLEY_STEP_FILE_BYTES" in step.message


def test_a_workspace_is_gone_after_its_attempt(process):
    _, (ready,) = start_and_ready(a_workflow([build("a", f"mkdir x; chmod 0 x; {PASS}")]))
    run_it(ready)
    assert not list((process.settings.data_dir / "work").iterdir())


def test_a_late_renewal_does_not_make_the_worker_ignore_stop_requests(process, monkeypatch):
    """While `finish` commits, a renewal may report that the lease of the ended step is lost."""
    ring = process.doorbell.ring

    def ring_late(ready):
        process.stop_request.set(Stop.LOST)
        return ring(ready)

    monkeypatch.setattr(process.doorbell, "ring", ring_late)
    workflow = a_workflow([build("a", PASS)], [build("b", PASS)])
    run, (ready,) = start_and_ready(workflow)
    run_it(ready)
    assert statuses(run) == {"a": SUCCEEDED, "b": SUCCEEDED}
    assert process.stop_request.reason is None


def test_a_stop_during_an_abort_is_not_forgotten(process):
    workflow = a_workflow([build("a", "sleep 60")], [build("b", PASS)])
    first, (ready,) = start_and_ready(workflow)
    second, _ = start_and_ready(workflow)

    def abort_and_stop():
        process.stop_request.set(Stop.CANCELLED)
        process.stopping = True
        process.stop_request.set(Stop.SHUTDOWN)

    timer = threading.Timer(0.2, abort_and_stop)
    timer.start()
    run_it(ready)
    timer.join()
    assert statuses(first)["a"] == CANCELLED
    assert statuses(second)["a"] == PENDING
    assert process.stop_request.reason is Stop.SHUTDOWN


def test_a_step_whose_folder_cannot_be_made_fails_and_says_so(process):
    process.settings.data_dir.joinpath("work").write_text("in the way")
    _, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert (step.status, "could not run the step" in step.message) == (FAILED, True)


@pytest.mark.parametrize(
    "change",
    [
        StepSpec.update(spec={"ingredientId": "duck", "script": "true"}),
        StepSpec.delete(),
        Run.update(parameters={"version": "6"}),
    ],
    ids=["spec", "no spec", "parameters"],
)
def test_a_step_that_was_changed_after_the_start_does_not_run(process, tmp_path, change):
    script = f"touch {tmp_path}/ran; {PASS}"
    run, (ready,) = start_and_ready(a_workflow([build("a", script, retries=5)], [build("b")]))
    with write():
        change.execute()
    run_it(ready)
    step = StepRun.get_by_id(ready.step_id)
    assert (step.status, step.attempt, step.release_id) == (FAILED, 1, None)
    assert step.message == (
        "The stored plan of this step does not fit its signature, so it was not run. Either it was "
        "changed in the database after the run began, or this worker's host has a different secret "
        "key than the host that started the run, or Galley was upgraded during the run. Start a "
        "new run."
    )
    assert not (tmp_path / "ran").exists()
    assert Run.get_by_id(run.id).status == FAILED


def test_a_worker_with_another_secret_key_runs_nothing(process):
    process.keys = Keys("x" * 32)
    run, (ready,) = start_and_ready(a_workflow([build("a", PASS)]))
    run_it(ready)
    assert statuses(run) == {"a": FAILED}

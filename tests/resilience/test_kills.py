"""Real kills of real processes: nothing is stuck, nothing is left, everything is told."""

import os
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.resilience.whole import galley_on
from tests.support.examples import IS_LONG
from tests.support.processes import descendants, is_alive
from tests.support.wait import eventually

pytestmark = pytest.mark.galley


def test_a_killed_worker_costs_an_attempt_and_nothing_else(galley, tmp_path):
    marks: Path = tmp_path / "marks"
    marks.mkdir()
    script = (
        f'echo "attempt $GALLEY_ATTEMPT"; echo $$ > {marks}/$GALLEY_ATTEMPT\n'
        'if [ "$GALLEY_ATTEMPT" = 1 ]; then sleep 600; fi\n'
        'echo quack > "$GALLEY_OUTPUT/duck.txt"'
    )
    run_id = galley.run(
        [galley.build("slow", script)], [galley.build("after", "echo x > $GALLEY_OUTPUT/x")]
    )
    eventually(lambda: (marks / "1").exists() and (marks / "1").read_text(), 15, "the script")
    script_pid = int((marks / "1").read_text())
    (slow, _) = galley.steps(galley.get(run_id))
    # What is still in the pipe is lost with the worker, and that is no defect.
    eventually(lambda: "attempt 1" in galley.log(run_id, slow["id"], 1), 15, "the first line")
    killed_at = time.time()
    galley.kill("cli worker")
    run = galley.ended(run_id)

    assert run["status"] == "Succeeded"
    slow, after = galley.steps(run)
    assert [attempt["status"] for attempt in slow["attempts"]] == ["Failed", "Succeeded"]
    assert "was lost" in slow["attempts"][0]["message"]
    begun_again = datetime.fromisoformat(slow["attempts"][1]["startedAt"]).timestamp()
    assert begun_again - killed_at < 3
    assert after["attempt"] == 1
    assert len(run["releases"]) == 2
    assert not is_alive(script_pid)
    assert "attempt 1" in galley.log(run_id, slow["id"], 1)
    assert "was lost" in galley.log(run_id, slow["id"], 2)
    work = galley.stack.data_dir / "work"
    eventually(lambda: not list(work.iterdir()), 5, "the workspaces to be removed")


def test_a_run_survives_the_death_of_redis(galley, tmp_path):
    go = tmp_path / "go"
    wait = f"while [ ! -e {go} ]; do sleep 0.05; done; echo x > $GALLEY_OUTPUT/x"
    run_id = galley.run(
        [galley.build("first", wait)], [galley.build("second", "echo y > $GALLEY_OUTPUT/y")]
    )
    eventually(lambda: galley.steps(galley.get(run_id))[0]["status"] == "Running", 15)
    galley.kill("redis-server")
    go.touch()
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    assert [step["attempt"] for step in galley.steps(run)] == [1, 1]


def test_an_abort_reaches_the_whole_tree_of_a_step_within_200_ms(galley, tmp_path):
    """The best of three: other tests share the machine."""
    script = "setsid sleep 600 & echo $! > {mark}; wait"
    seconds = []
    for number in range(3):
        mark = tmp_path / f"pid{number}"
        run_id = galley.run(
            [galley.build("slow", script.format(mark=mark))], [galley.build("never", "true")]
        )
        eventually(lambda mark=mark: mark.exists() and mark.read_text(), 15, "the script")
        pid = int(mark.read_text())
        begin = time.monotonic()
        galley.send("POST", f"/api/workflowruns/{run_id}/abort")
        eventually(lambda pid=pid: not is_alive(pid), 15, "the script to be stopped")
        seconds.append(time.monotonic() - begin)
        run = galley.ended(run_id)
        assert run["status"] == "Cancelled"
        slow, never = galley.steps(run)
        assert (slow["status"], never["status"]) == ("Cancelled", "Skipped"), slow["message"]
    assert min(seconds) < 0.2


def test_a_worker_that_is_asked_to_end_gives_its_step_back(galley, tmp_path):
    mark = tmp_path / "mark"
    script = (
        f'if [ "$GALLEY_ATTEMPT" = 1 ]; then touch {mark}; sleep 600; fi\n'
        'echo x > "$GALLEY_OUTPUT/x"'
    )
    run_id = galley.run([galley.build("slow", script)])
    eventually(mark.exists, 15, "the script")
    galley.kill("cli worker", signal.SIGTERM)
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    (slow,) = galley.steps(run)
    assert slow["attempts"][0]["message"] == "The worker was shut down."


def held(galley, tmp_path, name="held"):
    """A run whose first script waits for the file `go` and has a child in a session of its own."""
    go, child = tmp_path / "go", tmp_path / "child"
    wait = (
        f"setsid sleep 600 & echo $! > {child}.tmp; mv {child}.tmp {child}\n"
        f"while [ ! -e {go} ]; do sleep 0.05; done; echo x > $GALLEY_OUTPUT/x"
    )
    run_id = galley.run(
        [galley.build(name, wait)], [galley.build("after", "echo y > $GALLEY_OUTPUT/y")]
    )
    eventually(child.exists, 15, "the script")
    return run_id, go, int(child.read_text())


def test_a_web_server_that_is_killed_comes_back_and_costs_no_step(galley, tmp_path):
    run_id, go, _ = held(galley, tmp_path)
    for pid in galley.pids("gunicorn"):
        os.kill(pid, signal.SIGKILL)
    go.touch()
    galley.come_back()
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    assert [step["attempt"] for step in galley.steps(run)] == [1, 1]


def test_a_reconciler_that_is_killed_comes_back_and_repairs(galley, tmp_path):
    run_id, go, child = held(galley, tmp_path)
    galley.kill("cli reconciler")
    galley.kill("cli worker")
    go.touch()
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    assert [step["attempt"] for step in galley.steps(run)] == [2, 1]
    assert not is_alive(child)


@pytest.mark.slow
def test_a_whole_galley_may_be_stopped_in_the_middle_and_started_again(own_database, tmp_path):
    """By kill -9 of the supervisor, then by Ctrl-C, which asks no database for more than that."""
    data_dir = tmp_path / "data"
    runs = {}
    is_other_database = bool(own_database) and not IS_LONG
    for how in (signal.SIGKILL,) if is_other_database else (signal.SIGKILL, signal.SIGINT):
        folder = tmp_path / how.name
        folder.mkdir()
        with galley_on(data_dir, **own_database) as galley:
            runs[how], go, child = held(galley, folder)
            everything = descendants(galley.stack.process.pid)
            galley.client.close()  # a web server waits a while for connections that are open
            galley.stack.process.send_signal(how)
            galley.stack.process.wait(15)
            gone = [*everything, child]
            eventually(lambda gone=gone: not any(map(is_alive, gone)), 15, "all to be gone")
        go.touch()
    with galley_on(data_dir, **own_database) as galley:
        for run_id in runs.values():
            run = galley.ended(run_id)
            assert run["status"] == "Succeeded"
            first = galley.steps(run)[0]
            assert [attempt["status"] for attempt in first["attempts"]] == ["Failed", "Succeeded"]
            assert first["attempts"][0]["message"]


@pytest.mark.slow
def test_galley_starts_without_its_redis_and_runs_when_it_is_there(redis, tmp_path):
    with galley_on(tmp_path / "data", REDIS_URL=redis.url) as galley:
        run_id = galley.run([galley.build("a", "echo x > $GALLEY_OUTPUT/x")])
        (step,) = galley.steps(galley.get(run_id))
        reasons = {reason["code"] for reason in step["waiting"]}
        assert "redis_unreachable" in reasons
        redis.start()
        assert galley.ended(run_id)["status"] == "Succeeded"

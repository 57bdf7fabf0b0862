"""Real kills of real processes: nothing is stuck, nothing is left, everything is told."""

import signal
from pathlib import Path

from tests.support.processes import is_alive
from tests.support.wait import eventually


def build(name: str, script: str) -> dict:
    configuration = {"ingredientId": "duck", "buildScript": script}
    return {"name": name, "type": "Build", "configuration": configuration}


def test_a_killed_worker_costs_an_attempt_and_nothing_else(galley, tmp_path):
    marks: Path = tmp_path / "marks"
    marks.mkdir()
    script = (
        f'echo "attempt $GALLEY_ATTEMPT"; echo $$ > {marks}/$GALLEY_ATTEMPT\n'
        'if [ "$GALLEY_ATTEMPT" = 1 ]; then sleep 600; fi\n'
        'echo quack > "$GALLEY_OUTPUT/duck.txt"'
    )
    run_id = galley.run([build("slow", script)], [build("after", "echo x > $GALLEY_OUTPUT/x")])
    eventually(lambda: (marks / "1").exists() and (marks / "1").read_text(), 15, "the script")
    script_pid = int((marks / "1").read_text())
    galley.kill("cli worker")
    run = galley.ended(run_id)

    assert run["status"] == "Succeeded"
    slow, after = galley.steps(run)
    assert [attempt["status"] for attempt in slow["attempts"]] == ["Failed", "Succeeded"]
    assert "was lost" in slow["attempts"][0]["message"]
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
    run_id = galley.run([build("first", wait)], [build("second", "echo y > $GALLEY_OUTPUT/y")])
    eventually(lambda: galley.steps(galley.get(run_id))[0]["status"] == "Running", 15)
    galley.kill("redis-server")
    go.touch()
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    assert [step["attempt"] for step in galley.steps(run)] == [1, 1]


def test_abort_stops_the_whole_tree_of_a_step(galley, tmp_path):
    mark = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {mark}; wait"
    run_id = galley.run([build("slow", script)], [build("never", "true")])
    eventually(lambda: mark.exists() and mark.read_text(), 15, "the script")
    galley.send("POST", f"/api/workflowruns/{run_id}/abort")
    run = galley.ended(run_id)
    assert run["status"] == "Cancelled"
    assert [step["status"] for step in galley.steps(run)] == ["Cancelled", "Skipped"]
    assert not is_alive(int(mark.read_text()))


def test_a_worker_that_is_asked_to_end_gives_its_step_back(galley, tmp_path):
    mark = tmp_path / "mark"
    script = (
        f'if [ "$GALLEY_ATTEMPT" = 1 ]; then touch {mark}; sleep 600; fi\n'
        'echo x > "$GALLEY_OUTPUT/x"'
    )
    run_id = galley.run([build("slow", script)])
    eventually(mark.exists, 15, "the script")
    galley.kill("cli worker", signal.SIGTERM)
    run = galley.ended(run_id)
    assert run["status"] == "Succeeded"
    (slow,) = galley.steps(run)
    assert slow["attempts"][0]["message"] == "The worker was shut down."

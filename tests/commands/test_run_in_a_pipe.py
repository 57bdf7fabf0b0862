"""`galley run` with its output in a pipe."""

import re

import pytest

from tests.commands.program import step, wait_for

COLOURFUL = r"""
printf '\033[31mred\033[0m and \033]0;a title\007plain\007\n'
printf '10%%\r50%%\r100%%\n'
printf 'no end'
"""
PARAMETERS = [
    {"name": "count", "type": "number"},
    {"name": "dry", "type": "boolean"},
    {"name": "label", "type": "string"},
    {"name": "where", "type": "choice", "choices": ["here", "there"]},
]


def test_a_run_that_succeeds_is_reported_from_beginning_to_end(server, galley):
    workflow = server.workflow(step("echo one; echo two"))
    done = galley("run", workflow["name"], "--follow")
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"after \d.*", "after a while", line) for line in done.stdout.splitlines()]
    assert lines == [
        "[galley] Work / build: Running",
        "build | one",
        "build | two",
        "build | [galley] " + lines[3].partition("[galley] ")[2],
        "[galley] Work / build: Succeeded after a while",
        "Succeeded  Work / build",
        lines[6],
        "run #1 Succeeded.",
    ]
    assert "Stored a:" in lines[3]
    assert lines[6].startswith("released   duck ")
    run_id = server.last_run(workflow)["id"]
    assert done.stderr == f"run {run_id} started: {server.stack.url}/runs/{run_id}\n"


def test_control_characters_of_scripts_do_not_reach_a_pipe(server, galley):
    workflow = server.workflow(step(COLOURFUL))
    out = galley("run", workflow["name"], "--follow").stdout
    assert re.findall(r"^build \| (?!\[galley\])(.*)$", out, re.MULTILINE) == [
        "red and plain",
        "100%",
        "no end",
    ]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", out)


def test_a_run_that_fails_ends_with_1_and_says_what_failed(server, galley):
    workflow = server.workflow(step("echo oops; exit 3", "broken"), step("true", "whole"))
    done = galley("run", workflow["name"], "--follow")
    assert done.returncode == 1
    assert "broken | oops\n" in done.stdout
    assert re.search(r"^\[galley\] Work / broken: Failed after .*: .*3", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("run #1 Failed. 1 of 2 steps failed: broken.\n")


def test_a_run_that_is_cancelled_ends_with_1(server, begin):
    workflow = server.workflow(step(wait_for(server.gate("never"))))
    running = begin("run", workflow["name"], "--follow")
    running.says("Work / build: Running")
    run_id = server.eventually(workflow, "Running")
    server.send("POST", f"/api/workflowruns/{run_id}/abort")
    assert running.ended() == 1
    assert running.out.endswith("run #1 Cancelled. Aborted by admin.\n")


def test_every_attempt_is_reported(server, galley):
    marker = server.gate(server.name("marker"))
    workflow = server.workflow(step(f"test -e {marker} || {{ : > {marker}; exit 1; }}", retries=1))
    done = galley("run", workflow["name"], "--follow")
    assert done.returncode == 0, done.stdout
    assert "[galley] Work / build: Running, attempt 2\n" in done.stdout


def test_a_pending_run_reports_each_reason_once(server, begin):
    workflow = server.workflow(step("true", queue="a-queue-of-nobody"))
    running = begin("run", workflow["name"], "--follow")
    reason = "[galley] Work is pending: "
    running.says(reason)
    run_id = server.eventually(workflow, "Pending")
    for priority in ("one", "two"):  # two looks more, at least
        server.send("POST", "/api/ingredients", _ingredient(server.name(priority)))
        server.send("GET", f"/api/workflowruns/{run_id}")
    server.send("POST", f"/api/workflowruns/{run_id}/abort")
    assert running.ended() == 1
    assert running.out.count(reason) == 1


def test_two_stages_that_wait_for_the_same_are_both_reported(server, begin):
    asked = {"approval": {"required": True}}
    stages = [
        {"name": name, "order": order, "steps": [step("true", name)], **asked}
        for order, name in enumerate(("first", "second"), 1)
    ]
    workflow = server.workflow(stages=stages)
    running = begin("run", workflow["name"], "--follow")
    for name in ("first", "second"):
        running.says(f"[galley] {name} is pending: Waiting for approval by the role SuperUser")
        run = server.run(server.last_run(workflow)["id"])
        (stage,) = [stage for stage in run["stageRuns"] if stage["stageName"] == name]
        server.send("POST", f"/api/workflowruns/{run['id']}/stages/{stage['id']}/approve", {})
    assert running.ended() == 0


def test_ctrl_c_leaves_the_run_running_and_says_how_to_stop_it(server, begin, galley):
    workflow = server.workflow(step(wait_for(server.gate("never"))))
    running = begin("run", workflow["name"], "--follow")
    running.says("Work / build: Running")
    running.interrupt()
    assert running.ended(5) == 130
    run_id = server.eventually(workflow, "Running")
    assert f"The run continues. Abort it with: galley abort {run_id}\n" in running.err
    again = begin("follow", run_id)
    again.says("Work / build: Running")
    aborted = galley("abort", run_id)
    assert aborted.stdout == f"run {run_id} is being aborted\n"
    assert again.ended() == 1
    assert again.out.endswith("run #1 Cancelled. Aborted by admin.\n")


def test_a_run_that_is_not_followed_is_only_started(server, galley):
    workflow = server.workflow(step(wait_for(server.gate("soon"))))
    done = galley("run", workflow["name"].upper())
    assert done.returncode == 0
    run_id = server.eventually(workflow, "Running")
    assert done.stdout == f"run {run_id} started: {server.stack.url}/runs/{run_id}\n"
    server.gate("soon").touch()


def test_parameters_have_the_types_that_the_workflow_declares(server, galley):
    workflow = server.workflow(step("true"), parameters=PARAMETERS)
    given = {"count": "3", "dry": "true", "label": "3", "where": "there"}
    options = [part for name, text in given.items() for part in ("-p", f"{name}={text}")]
    assert galley("run", workflow["id"], *options).returncode == 0
    found = server.run(server.last_run(workflow)["id"])["parameters"]
    assert found == {"count": 3, "dry": True, "label": "3", "where": "there"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("count=many", "'count' must be a number, not 'many'"),
        ("dry=1", "'dry' must be true or false, not '1'"),
        ("where=nowhere", "Parameter 'where' must be one of here, there"),
        ("what=ever", "Parameter 'what' is not a parameter of this workflow"),
        ("label", "'label' is not NAME=VALUE"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_and_nothing_starts(server, galley, text, says):
    workflow = server.workflow(step("true"), parameters=PARAMETERS)
    done = galley("run", workflow["name"], "-p", text)
    assert done.returncode != 0
    assert says in done.stderr
    assert server.last_run(workflow) is None


def test_the_help_says_what_the_exit_status_means(galley):
    text = " ".join(galley("run", "--help").stdout.split())
    assert "0 if the run succeeded, 1 if it failed, was aborted" in text
    assert "130 after Ctrl-C" in text


def _ingredient(name: str) -> dict[str, str]:
    return {"id": name, "projectId": "pond", "name": name}

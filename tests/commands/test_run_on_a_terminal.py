"""`galley run --follow` on a terminal."""

import re

from tests.commands.program import COLUMNS, ROWS, lines_of, step, wait_for


def test_the_pipeline_is_drawn_while_it_runs_and_stays_when_it_has_ended(server, on_a_terminal):
    gate = server.gate(server.name("gate"))
    workflow = server.workflow(step(f"echo begun; {wait_for(gate)}; echo over"))
    terminal = on_a_terminal("run", workflow["name"], "--follow")
    terminal.says("begun")
    terminal.says("Running")
    gate.touch()
    lines = lines_of(terminal.read_to_the_end())
    assert terminal.process.returncode == 0
    assert "build | begun" in lines
    assert "build | over" in lines
    drawn = lines[-6:]
    assert re.fullmatch(rf"✓ {workflow['name']} #1 +Succeeded .*", drawn[0]), drawn
    assert re.fullmatch(r"  ✓ Work +Succeeded +\S+ \S+", drawn[1])
    assert re.fullmatch(r"    ✓ build +Succeeded +\S+ \S+", drawn[2])
    assert drawn[3].startswith("released   duck ")
    assert drawn[4:] == ["run #1 Succeeded.", ""]


def test_the_drawing_is_written_over_and_the_cursor_given_back(server, on_a_terminal):
    workflow = server.workflow(step("echo one"))
    text = on_a_terminal("run", workflow["name"], "--follow").read_to_the_end()
    assert "\x1b[1A" in text  # up, to draw again
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert re.search(r"\x1b\[[0-9;]*32m✓", text)


def test_pending_reasons_stand_below_their_stage(server, on_a_terminal):
    workflow = server.workflow(step("true", queue="a-queue-of-nobody"))
    terminal = on_a_terminal("run", workflow["name"], "--follow")
    terminal.says("the queue a-queue-of-nobody")
    lines = lines_of(terminal.text)
    at = next(number for number, line in enumerate(lines) if "a-queue-of-nobody" in line)
    assert re.match(r"  ○ Work +Pending", lines[at - 1])
    run_id = server.eventually(workflow, "Pending")
    terminal.interrupt()
    assert f"galley abort {run_id}" in terminal.read_to_the_end()
    assert terminal.process.returncode == 130
    server.send("POST", f"/api/workflowruns/{run_id}/abort")


def test_the_log_of_a_failed_step_is_shown_again_if_others_have_printed_since(
    server, on_a_terminal
):
    broken = step("echo the reason; exit 1", "broken")
    others = step("sleep 0.3; for i in 1 2 3; do echo noise $i; done", "noisy")
    workflow = server.workflow(broken, others)
    terminal = on_a_terminal("run", workflow["name"], "--follow")
    lines = lines_of(terminal.read_to_the_end())
    assert terminal.process.returncode == 1
    title = lines.index("End of the log of Work / broken:")
    assert lines[title + 1] == "broken | the reason"
    assert lines[-2] == "run #1 Failed. 1 of 2 steps failed: broken."


def test_output_of_scripts_keeps_its_colors_and_moves_nothing(server, on_a_terminal):
    workflow = server.workflow(step(r"printf '\033[35mpink\033[0m\033[2J\033[9A\033]0;t\007!\n'"))
    text = on_a_terminal("run", workflow["name"], "--follow").read_to_the_end()
    assert re.search(r"\x1b\[[0-9;]*35mpink", text)
    for gone in ("\x1b[2J", "\x1b[9A", "\x1b]0", "\x07"):
        assert gone not in text


def test_a_pipeline_that_is_longer_than_the_terminal_shows_where_it_is(server, on_a_terminal):
    gate = server.gate(server.name("gate"))
    stages = [
        {"name": f"stage{number:02}", "order": number, "steps": [step("true", f"step{number:02}")]}
        for number in range(1, ROWS)
    ]
    stages[15]["steps"] = [step(wait_for(gate), "gated")]
    workflow = server.workflow(stages=stages)
    terminal = on_a_terminal("run", workflow["name"], "--follow")
    terminal.says("… 15 before\n  ● stage16")
    terminal.says(" after")
    drawings = [lines_of(text) for text in terminal.text.split("\x1b[2K")]
    assert max(map(len, drawings)) <= ROWS
    gate.touch()
    lines = lines_of(terminal.read_to_the_end())
    assert all(len(line) <= COLUMNS for line in lines)
    assert "    ✓ step29" in "\n".join(lines)


def test_a_terminal_that_cannot_draw_gets_lines(server, on_a_terminal):
    workflow = server.workflow(step("echo one"))
    text = on_a_terminal("run", workflow["name"], "--follow", TERM="dumb").read_to_the_end()
    assert "\x1b" not in text
    assert "[galley] Work / build: Running" in lines_of(text)


def test_ascii_signs_replace_signs_that_cannot_be_encoded(server, on_a_terminal):
    workflow = server.workflow(step("echo grün"))
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    terminal = on_a_terminal("run", workflow["name"], "--follow", **plain)
    lines = lines_of(terminal.read_to_the_end())
    assert terminal.process.returncode == 0
    assert "build | gr?n" in lines
    assert any(line.startswith("    + build") for line in lines)

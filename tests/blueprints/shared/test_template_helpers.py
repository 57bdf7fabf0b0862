"""The wording rules of the pages; every icon that a template names is in the sprite."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from blueprints.shared import template_helpers as support
from domain import clock
from domain.errors import FieldError

ROOT = Path(__file__).parents[3]


def step(
    name: str, status: str, completed_at: int | None = None, waits: str = ""
) -> dict[str, Any]:
    waiting = [{"code": waits}] if waits else []
    facts = {"status": status, "completedAt": completed_at, "waiting": waiting}
    return {"id": name, "stepName": name, **facts}


def run(status: str, *stages: list[dict[str, Any]], gate: str = "") -> dict[str, Any]:
    """gate: the name of a further stage that waits for an approval."""
    told = [{"stageName": "s", "waiting": [], "stepRuns": steps} for steps in stages]
    gated = {"stageName": gate, "waiting": [{"code": "approval"}], "stepRuns": []}
    return {"status": status, "stageRuns": [*told, gated] if gate else told}


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (9_999, "9.9 s"),
        (10_000, "10 s"),
        (59_999, "59 s"),
        (60_000, "1 m 00 s"),
        (185_000, "3 m 05 s"),
        (3_720_000, "1 h 02 m"),
        (183_600_000, "2 d 03 h"),
    ],
)
def test_a_duration_is_written_in_at_most_two_units(ms: int | None, text: str) -> None:
    assert support.duration_text(ms) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (34_120, "34 kB"),
        (999_999, "1.0 MB"),
        (104_857_600, "105 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_keeps_it_short(size: int, text: str) -> None:
    assert support.size_text(size) == text


def test_a_rate_is_a_hundred_percent_only_when_all_succeeded() -> None:
    assert support.percent_text(0.9999) == "99 %"
    assert support.percent_text(1.0) == "100 %"
    assert support.percent_text(0.29) == "29 %"
    assert support.percent_text(None) == "–"


def test_a_moment_names_its_time_zone() -> None:
    assert support.moment_text(1_793_696_700_000) == "3 Nov 2026, 09:05 UTC"


def test_time_that_lies_ahead_has_not_elapsed() -> None:
    assert support.elapsed_ms(clock.now() + 1_000_000) == 0
    assert support.elapsed_ms(clock.now() - 1_000) > 0


def test_errors_are_found_by_the_pointer_to_a_parameter_with_any_name() -> None:
    field = support.pointer("parameters", "a/b~c")
    assert field == "/parameters/a~1b~0c"
    errors = [
        FieldError(field, "required", "Parameter 'a/b~c' is required.", "is required."),
        FieldError("/parameters", "too_many", "Other."),
    ]
    assert support.errors_at(errors, field) == ["Is required."]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (run("Pending", [step("a", "Pending")]), "Not started yet: 1 step to do"),
        (
            run("Running", [step("a", "Succeeded"), step("b", "Running")], [step("c", "Pending")]),
            "1 of 3 steps done, now: b",
        ),
        (run("Running", [step("a", "Succeeded")], [step("b", "Pending")]), "1 of 2 steps done"),
        (
            run("Running", [step("a", "Failed"), step("b", "Running")]),
            "1 of 2 steps failed so far: a",
        ),
        (
            run("Failed", [step(name, "Failed") for name in "abcde"], [step("f", "Skipped")]),
            "5 of 6 steps failed: a, b, c and 2 more",
        ),
        (run("Failed", [step("a", "Skipped")]), "Failed with 0 of 1 step done"),
        (
            run("Running", [step("a", "Succeeded")], gate="Live"),
            "1 of 1 step done, waiting for approval of Live",
        ),
        (
            run("Pending", [step("a", "Pending", waits="outside_completion")]),
            "Not started yet: 1 step to do, waiting for external completion: a",
        ),
        (
            run("Running", [step("a", "Cancelled"), step("b", "Running")]),
            "0 of 2 steps done, cancelled: a, now: b",
        ),
        (run("Succeeded", [step("a", "Succeeded")]), "The only step succeeded"),
        (run("Succeeded", [step(name, "Succeeded") for name in "ab"]), "All 2 steps succeeded"),
        (
            run("Cancelled", [step("a", "Succeeded")], [step("b", "Cancelled")]),
            "Cancelled with 1 of 2 steps done",
        ),
    ],
)
def test_a_run_is_told_in_one_sentence(state: dict[str, Any], sentence: str) -> None:
    assert support.run_sentence(state) == sentence


def test_the_step_shown_is_the_first_failed_then_the_first_running_then_the_last_ended() -> None:
    early, late = (step(str(at), "Succeeded", at) for at in (1, 2))
    running, failed = step("r", "Running"), step("f", "Failed", 3)
    assert support.default_step(run("Failed", [late, running, failed])) is failed
    assert support.default_step(run("Running", [late, running])) is running
    assert support.default_step(run("Running", [late, early], [step("p", "Pending")])) is late
    skipped = step("s", "Skipped", 9)
    assert support.default_step(run("Cancelled", [early], [skipped])) is early
    waiting = step("p", "Pending")
    assert support.default_step(run("Pending", [waiting, step("q", "Pending")])) is waiting
    assert support.default_step(run("Failed")) is None


def test_who_may_complete_a_step_that_waits_for_it_is_shown_that() -> None:
    running, waiting = step("r", "Running"), step("w", "Pending", waits="outside_completion")
    state = run("Running", [running, waiting])
    assert support.default_step(state) is running
    assert support.default_step(state, may_act=True) is waiting
    failed = step("f", "Failed", 3)
    assert support.default_step(run("Running", [waiting, failed]), may_act=True) is failed


def test_the_address_of_an_asset_changes_with_its_content(tmp_path: Path) -> None:
    addresses = []
    for number, content in enumerate(("one", "two")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "app.css").write_text(content)
        app = Flask(__name__, static_folder=folder, static_url_path="/static")
        with app.app_context():
            addresses.append(support.asset("app.css"))
            assert support.asset("missing.js") == "/static/missing.js"
    assert addresses[0] != addresses[1]
    assert all(re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{10}", one) for one in addresses)


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "build_icons.py"))
    named = set()
    for template in (ROOT / "templates").rglob("*.html"):
        for call in re.findall(r"(?:\bicon|\bempty)\(([^)]*)\)", template.read_text()):
            values = re.sub(r'"\w+":', "", call)
            named |= set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', values))
    assert {"hammer", "play", "hourglass"} <= named <= set(tool["ICONS"])
    sprite = tool["sprite"]()
    assert all(f'<symbol id="{name}" viewBox' in sprite for name in tool["ICONS"])

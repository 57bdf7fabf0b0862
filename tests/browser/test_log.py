"""The log on the page of a run: following it, jumping in a long one, finding what went wrong."""

import itertools

import pytest

pytest.importorskip("playwright")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.galley import Galley

ENDED = 20_000
LINES_KEPT = 2000
COLOURED = ".line:has([class^=ansi])"

_names = itertools.count(1)


def started(galley: Galley, script: str) -> str:
    """The id of a run whose only step is that script."""
    build = {"ingredientId": "duck", "buildScript": script}
    step = {"name": "talk", "type": "Build", "configuration": build}
    stages = [{"name": "only", "order": 1, "steps": [step]}]
    body = {"name": f"Talking {next(_names)}", "projectId": "pond", "stages": stages}
    workflow = galley.api.post("/api/workflows", json=body).json()["id"]
    answer = galley.api.post(f"/api/workflows/{workflow}/runs", json={})
    return str(answer.json()["runId"])


def is_at_end(view: Locator) -> bool:
    """Whether its last line is in view."""
    return bool(view.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 5"))


def in_view(page: Page, number: int) -> None:
    """Line `number` is where one looks."""
    expect(page.locator(f"#L{number}")).to_be_in_viewport()


def test_a_log_is_followed_while_its_end_is_in_view(visitor: Page, galley: Galley) -> None:
    gate = galley.gate("follow")
    run_id = started(
        galley,
        f"""
        seq -f 'line %.0f' 1 400; printf 'half a '
        while [ ! -e "{gate}.1" ]; do sleep 0.02; done
        echo line; seq -f 'line %.0f' 402 450
        while [ ! -e "{gate}.2" ]; do sleep 0.02; done
        seq -f 'line %.0f' 451 500
        while [ ! -e "{gate}.3" ]; do sleep 0.02; done
        seq -f 'line %.0f' 501 550
        while [ ! -e "{gate}.4" ]; do sleep 0.02; done
        seq -f 'line %.0f' 551 5000
        while [ ! -e "{gate}.5" ]; do sleep 0.02; done
        echo 'duck.c:7: error: it sank'; seq 1 400; exit 1
        """,
    )
    galley.eventually(run_id, "Running")
    visitor.goto(f"/runs/{run_id}")
    view, note = visitor.locator(".log-view"), visitor.locator("#log-note")
    last, button = visitor.locator(".line").last, visitor.locator("#log-follow")
    expect(last).to_contain_text("half a")
    expect(note).to_contain_text("Following.")
    assert is_at_end(view)

    gate.with_suffix(".1").touch()
    expect(visitor.locator("#L401 .line-text")).to_have_text("half a line")
    expect(last).to_have_attribute("id", "L450")
    assert is_at_end(view)

    view.hover()
    visitor.mouse.wheel(0, -300)
    expect(button).to_have_text("Follow ↓")
    before = view.evaluate("e => e.scrollTop")
    gate.with_suffix(".2").touch()
    expect(button).to_have_text("50 new lines ↓")
    assert view.evaluate("e => e.scrollTop") == before
    button.click()
    expect(note).to_contain_text("Following.")
    expect(button).to_be_hidden()
    assert is_at_end(view)

    visitor.locator("#L500 .line-text").select_text()
    gate.with_suffix(".3").touch()
    expect(button).to_have_text("50 new lines ↓")
    assert not is_at_end(view)
    visitor.evaluate("getSelection().removeAllRanges()")

    visitor.locator("body").press("f")
    expect(button).to_be_hidden()
    gate.with_suffix(".4").touch()
    expect(last).to_have_attribute("id", "L5000")
    assert is_at_end(view)
    assert visitor.locator(".line").count() <= LINES_KEPT
    gate.with_suffix(".5").touch()
    expect(note).to_contain_text("End of log", timeout=ENDED)
    expect(button).to_be_hidden()
    said = "First error: line 5,001"
    expect(visitor.locator(".log-error")).to_have_text(said)
    expect(visitor.locator("#log-told")).to_have_text(said)
    expect(visitor.locator("#L5001")).to_have_class("line is-error")
    in_view(visitor, 5001)


def test_a_long_log_opens_at_once_with_only_a_window_of_it_in_the_page(
    visitor: Page, galley: Galley
) -> None:
    run_id = galley.eventually(started(galley, "seq -f 'this is line %.0f' 1 1300000"), "Failed")
    visitor.goto(f"/runs/{run_id}")
    lines, view = visitor.locator(".line"), visitor.locator(".log-view")
    expect(lines.last).to_have_attribute("id", "L1300001")
    assert lines.count() == 300
    visitor.get_by_role("link", name="First", exact=True).click()
    expect(lines.first).to_have_attribute("id", "L1")
    assert view.evaluate("e => e.scrollTop") == 0

    # Wherever one scrolls to, the lines there stay where they are while others come and go.
    view.hover()
    for _ in range(100):
        if lines.first.get_attribute("id") != "L1":
            break
        visitor.mouse.wheel(0, 4000)
        visitor.wait_for_timeout(20)
    expect(lines.first).not_to_have_id("L1")
    assert lines.count() <= LINES_KEPT
    numbers = lines.evaluate_all("all => all.map((line) => Number(line.id.slice(1)))")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    visitor.get_by_role("link", name="Last", exact=True).click()
    expect(lines.last).to_have_attribute("id", "L1300001")
    assert is_at_end(view)
    first = str(lines.first.get_attribute("id"))
    place = f"document.getElementById('{first}').getBoundingClientRect().top"
    before = view.evaluate(f"e => {{ e.scrollTop = 100; return {place} }}")
    expect(lines.first).not_to_have_id(first)
    assert abs(visitor.evaluate(place) - before) < 1

    visitor.goto(f"/runs/{run_id}?line=1234567-1234569#L1234567")
    expect(visitor.locator(".line.is-marked")).to_have_count(3)
    expect(visitor.locator("#L1234567 .line-text")).to_have_text("this is line 1234567")
    in_view(visitor, 1234567)
    assert lines.count() <= LINES_KEPT


def test_what_went_wrong_is_found_linked_to_and_searched(visitor: Page, galley: Galley) -> None:
    run_id = galley.eventually(
        started(
            galley,
            """
            seq -f 'compiling %.0f, 0 errors' 1 3000; echo 'duck.c:7: error: it sank'
            seq -f 'and so on %.0f' 1 3000; echo 'fatal: all is lost'; seq 1 500
            for c in 30 31 32 33 34 35 36 37 90 91 92 93 94 95 96 97; do
              printf "\\033[${c}mcolour $c\\033[0m \\033[2;${c}mdim\\033[0m "
              printf "\\033[$((c + 10))mon it\\033[0m \\033[7;${c}mreverse\\033[0m\\n"
            done
            exit 1
            """,
        ),
        "Failed",
    )
    visitor.goto(f"/runs/{run_id}")
    expect(visitor.locator(".log-error")).to_have_text("First error: line 3,001")
    told, keys = visitor.locator("#log-told"), visitor.keyboard
    keys.press("e")  # one key press, and
    expect(visitor.locator("#L3001")).to_have_class("line is-error is-marked")
    in_view(visitor, 3001)
    first = visitor.locator("#L3001 .line-number")
    expect(first).to_be_focused()
    expect(first).to_have_accessible_name("Line 3001: duck.c:7: error: it sank")
    keys.press("e")
    expect(visitor.locator("#L6002")).to_have_class("line is-error is-marked")
    in_view(visitor, 6002)
    expect(visitor.locator("#L6002 .line-number")).to_be_focused()
    keys.press("f")
    expect(told).to_have_text("End of the log")
    visitor.locator(".log-error a").click()
    expect(first).to_be_focused()
    keys.press("ArrowDown")
    expect(visitor.locator("#L3002 .line-number")).to_have_accessible_name("Line 3002: and so on 1")
    keys.press("e")
    expect(visitor.locator("#L3001 .line-number")).to_be_focused()
    keys.press("e")
    expect(visitor.locator("#L6002 .line-number")).to_be_focused()

    visitor.locator("#L6004 .line-number").click()
    visitor.locator("#L6006 .line-number").click(modifiers=["Shift"])
    expect(visitor.locator(".line.is-marked")).to_have_count(3)
    assert "line=6004-6006#L6004" in visitor.url
    visitor.reload()
    expect(visitor.locator(".line.is-marked")).to_have_count(3)
    in_view(visitor, 6004)

    visitor.goto(f"/runs/{run_id}?line=6505-6512#L6505")
    in_view(visitor, 6518)
    expect(visitor.locator("#L6505 .ansi-2")).to_have_count(3)
    for scheme in ("light", "dark"):
        visitor.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        rules = {"runOnly": ["cat.color"]}
        found = Axe().run(visitor, COLOURED, options=rules).response["violations"]
        assert not found, found

    field = visitor.get_by_label("Find in the log")
    field.fill("and so on 1")
    field.press("Enter")
    expect(visitor.locator("#log-hits li")).to_have_count(100)
    expect(told).to_have_text("100 lines found so far")
    in_view(visitor, 3002)
    field.press("Enter")
    expect(told).to_have_text("2 of 100: line 3011")
    expect(field).to_be_focused()
    expect(visitor.locator("#L3011")).to_have_class("line is-marked")
    in_view(visitor, 3011)
    field.press("Shift+Enter")
    in_view(visitor, 3002)
    visitor.get_by_role("link", name="Continue from").click()
    expect(visitor.locator("#log-hits li")).to_have_count(200)
    visitor.locator("#log-hits a", has_text="and so on 1001").click()
    in_view(visitor, 4002)
    field.fill("no such line")
    field.press("Enter")
    expect(visitor.locator("#log-hits")).to_have_text("No matches.")
    expect(told).to_have_text("No lines found")

    times = visitor.get_by_role("button", name="Times")
    expect(visitor.locator(".line-time").first).to_be_hidden()
    times.click()
    expect(times).to_have_attribute("aria-pressed", "true")
    in_view(visitor, 4002)
    visitor.get_by_role("button", name="Wrap").click()
    visitor.reload()
    expect(visitor.locator(".line-time").first).to_be_visible()
    expect(visitor.locator("#log-panel.no-wrap.with-times")).to_be_visible()

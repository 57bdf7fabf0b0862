"""The run page for who looks at it all day: it disturbs nobody, and acting on it is quick."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.browser.galley import Galley
from tests.support.processes import descendants
from tests.support.wait import eventually

ENDED = 20_000
"""Milliseconds in which a run of these tests has surely ended."""

POLL = """async () => {
  const answered = new Promise((done) =>
    document.addEventListener("htmx:after:swap", done, { once: true }));
  delete document.getElementById("run").dataset.etag;  // so that the whole picture comes again
  document.dispatchEvent(new Event("visibilitychange"));
  await answered;
}"""


@pytest.mark.slow
def test_a_hundred_polls_leave_a_reader_where_they_were(visitor: Page, galley: Galley) -> None:
    gate = galley.gate("polls")
    run_id = galley.start("Gated and failing", gate=str(gate))
    page = visitor
    page.set_viewport_size({"width": 1000, "height": 500})
    page.goto(f"/runs/{run_id}")
    sentence = page.locator("#run-sentence")
    expect(sentence).to_have_text("1 of 2 steps failed so far: unit", timeout=ENDED)
    test = page.locator("details.test").nth(1)
    test.locator("summary").click()
    step = page.locator("a.step", has_text="gate")
    step.focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('details.test pre'))")
    page.evaluate("scrollTo(0, 300)")
    kept = page.evaluate("[String(getSelection()), scrollY]")
    assert kept[0]
    assert kept[1] == 300
    for _ in range(100):
        page.evaluate(POLL)
    assert page.evaluate("[String(getSelection()), scrollY]") == kept
    expect(step).to_be_focused()
    expect(test).to_have_attribute("open", "")
    gate.with_suffix(".hello").touch()
    gate.touch()
    expect(sentence).to_have_text("1 of 2 steps failed: unit", timeout=ENDED)
    expect(step).to_be_focused()
    assert page.evaluate("scrollY") == 300


def test_a_run_that_waits_for_people_is_brought_to_its_end_from_its_page(
    visitor: Page, galley: Galley
) -> None:
    page = visitor
    run_id = galley.start("By people")
    page.goto(f"/runs/{run_id}")
    page.get_by_text("From a script").click()
    line = page.locator(".complete code").inner_text()
    address = re.search(r"'(http\S+)'", line)
    assert address
    assert httpx.post(address[1], json={"success": True}).status_code == 200
    comment = page.get_by_label("Comment on stage 2")
    comment.fill("Looks good.")
    page.evaluate(POLL)
    expect(comment).to_have_value("Looks good.")
    page.get_by_role("button", name="Approve stage 2").press("Enter")
    expect(page.locator("#run-sentence")).to_have_text("All 2 steps succeeded", timeout=ENDED)
    expect(page.get_by_text("approved by admin")).to_contain_text("“Looks good.”")
    expect(page.locator("#run-title")).to_be_focused()
    assert httpx.post(address[1], json={"success": False}).status_code == 409


def test_the_same_is_done_without_javascript(plain_page: Page, galley: Galley) -> None:
    page = plain_page
    page.context.add_cookies(galley.cookies)
    run_id = galley.start("By people")
    page.goto(f"/runs/{run_id}")
    page.get_by_role("button", name="Mark as succeeded").click()
    page.get_by_label("Comment on stage 2").fill("Not today.")
    page.get_by_role("button", name="Reject stage 2").click()
    page.goto(f"/runs/{galley.eventually(run_id, 'Cancelled')}?view=timeline")
    expect(page.get_by_text("rejected by admin")).to_contain_text("“Not today.”")
    page.get_by_role("link", name="Rerun").click()
    expect(page.get_by_text("elsewhere is reused")).to_be_visible()
    page.get_by_role("button", name="Start rerun").click()
    expect(page.get_by_text("Rerun of")).to_be_visible()
    expect(page.locator("#timeline")).to_be_visible()


def test_a_page_that_is_open_while_the_server_starts_anew_says_so_and_goes_on(
    visitor: Page, galley: Galley, complaints: list[str]
) -> None:
    gate = galley.gate("restart")
    page = visitor
    page.goto(f"/runs/{galley.start('Gated', gate=str(gate))}")
    stale = page.get_by_text("The server is not responding.")
    with supervisor_halted(galley):  # else it is there again before anybody notices
        for pid in servers(galley):
            os.kill(pid, signal.SIGKILL)
        expect(stale).to_be_visible()
    gate.with_suffix(".hello").touch()
    gate.touch()
    expect(stale).to_be_hidden(timeout=ENDED)
    expect(page.locator("#run-sentence")).to_have_text("All 2 steps succeeded", timeout=ENDED)
    complaints.clear()  # about what did not answer
    eventually(lambda: galley.api.get("/healthz").is_success, 10, "the server to be back")


@contextlib.contextmanager
def supervisor_halted(galley: Galley) -> Iterator[None]:
    os.kill(galley.process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(galley.process, signal.SIGCONT)


def servers(galley: Galley) -> list[int]:
    """The processes of the web server; others come and go meanwhile."""
    found = []
    for pid in descendants(galley.process):
        with contextlib.suppress(OSError):
            found += [pid] if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes() else []
    return found


def test_views_keys_and_bars_that_grow(visitor: Page, galley: Galley) -> None:
    page = visitor
    done = galley.eventually(galley.start("Larder"), "Succeeded")
    gate = galley.gate("views")
    run_id = galley.eventually(galley.start("Gated", gate=str(gate)), "Running")
    page.goto(f"/runs/{run_id}")
    page.get_by_role("link", name="Timeline").click()
    bar = page.locator("rect.took[data-grows]")
    width = float(bar.get_attribute("width").rstrip("%"))
    page.wait_for_function(
        "(width) => parseFloat(document.querySelector('rect.took').getAttribute('width')) > width",
        arg=width,
    )
    galley.abort(run_id)
    expect(page.locator("#run-sentence")).to_have_text("Cancelled with 0 of 2 steps done")
    page.goto(f"/runs/{done}")
    expect(page.locator("#timeline")).to_be_visible()
    older = page.get_by_role("navigation", name="Runs of Larder").get_by_role("link").first
    if older.get_attribute("rel") == "prev":
        page.keyboard.press("h")
        page.wait_for_url(lambda url: done not in url)
        page.keyboard.press("l")
        page.wait_for_url(f"**/{done}*")
    page.get_by_role("link", name="Picture").click()
    expect(page.locator("ol.pipeline")).to_be_visible()

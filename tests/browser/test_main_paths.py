"""What people do with Galley, done in a browser from one end to the other."""

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, Route, expect

from tests.browser.galley import Galley, sign_in
from tests.support.wait import eventually

ENDED = 20_000
"""Milliseconds in which a run of these tests has surely ended."""


def test_a_newcomer_runs_the_sample_and_watches_it_succeed(page: Page) -> None:
    sign_in(page)
    page.get_by_role("link", name="Larder").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("/runs/*")
    page.evaluate("window.isSamePage = true")
    expect(page.locator("#run-sentence")).to_have_text("All 6 steps succeeded", timeout=ENDED)
    expect(page).to_have_title(f"✓ {page.locator('h1').inner_text()} · Galley")
    expect(page.locator("#log-panel")).to_contain_text("is current in")
    expect(page.locator(".log-end")).to_contain_text("End of log")
    assert page.evaluate("window.isSamePage")
    page.get_by_role("link", name="Unit tests").click()
    expect(page.locator(".tally")).to_contain_text("9 passed")
    expect(page.locator("#log-panel")).to_contain_text("Ran 9 tests")
    page.get_by_role("button", name="admin: account menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Galley")).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_role("heading", name="Sign in to Galley")).to_be_visible()


def test_the_same_works_without_javascript(plain_page: Page) -> None:
    page = plain_page
    sign_in(page)
    page.get_by_role("button", name="Run Larder").click()
    sentence = page.locator("#run-sentence")

    def has_ended() -> bool:
        page.reload()
        return sentence.inner_text() == "All 6 steps succeeded"

    eventually(has_ended, 20, "the run to succeed")
    page.get_by_role("link", name="Unit tests").click()
    expect(page.locator("#log-panel")).to_contain_text("Ran 9 tests")
    page.get_by_role("link", name="Whole log").click()
    expect(page.locator("body")).to_contain_text("Ran 9 tests")


def test_a_wrong_password_is_told_and_the_name_stays(page: Page, complaints: list[str]) -> None:
    sign_in(page, password="not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value("admin")
    expect(page.get_by_label("Password")).to_be_focused()
    assert len(complaints) == 1  # about the status 422
    complaints.clear()


def test_a_log_grows_before_the_readers_eyes_until_the_run_is_aborted(
    visitor: Page, galley: Galley
) -> None:
    gate = galley.gate("abort")
    run_id = galley.start("Gated", gate=str(gate))
    visitor.goto(f"/runs/{run_id}")
    log = visitor.locator(".log-lines .line-text")
    expect(log).to_have_text(["waiting at the gate"])
    gate.with_suffix(".hello").touch()
    expect(log).to_have_text(["waiting at the gate", "  hello <i>from inside</i>"])
    visitor.on("dialog", lambda dialog: dialog.accept())
    visitor.get_by_role("button", name="Abort run", exact=True).click()
    sentence = visitor.locator("#run-sentence")
    expect(sentence).to_have_text("Cancelled with 0 of 2 steps done", timeout=ENDED)
    expect(visitor.locator("#run")).not_to_have_attribute("hx-trigger", "")
    expect(visitor.get_by_role("link", name="New run")).to_be_visible()


def test_what_happens_to_a_run_does_not_disturb_its_reader(visitor: Page, galley: Galley) -> None:
    gate = galley.gate("reader")
    run_id = galley.start("Gated and failing", gate=str(gate))
    visitor.goto(f"/runs/{run_id}")
    sentence = visitor.locator("#run-sentence")
    expect(sentence).to_have_text("1 of 2 steps failed so far: unit", timeout=ENDED)
    visitor.wait_for_event(
        "response", lambda answer: "/status?" in answer.url and answer.status == 304
    )
    sank = visitor.locator("details.test").nth(1)
    sank.locator("summary").click()
    step = visitor.locator("a.step", has_text="gate")
    step.focus()
    gate.with_suffix(".hello").touch()
    gate.touch()
    expect(sentence).to_have_text("1 of 2 steps failed: unit", timeout=ENDED)
    expect(step).to_be_focused()
    expect(sank).to_have_attribute("open", "")
    expect(sank).to_contain_text("It sank.")


def test_a_second_click_runs_a_run_again_once(visitor: Page, galley: Galley) -> None:
    """The first was done by then; only its answer is still on the way."""
    run_id = galley.eventually(galley.start("Failing"), "Failed")
    before = reruns(galley)
    visitor.goto(f"/runs/{run_id}")
    visitor.get_by_role("link", name="Rerun").click()
    answers: list[int] = []

    def keep_from_arriving(route: Route) -> None:
        answers.append(route.fetch(max_redirects=0).status)

    visitor.wait_for_url("**/rerun")
    visitor.route("**/rerun", keep_from_arriving, times=1)
    visitor.get_by_role("button", name="Start rerun").focus()
    visitor.keyboard.press("Enter")

    def has_begun() -> bool:
        visitor.wait_for_timeout(20)  # in which the route is looked after
        return answers == [303]

    eventually(has_begun, 10, "the first answer")
    visitor.keyboard.press("Enter")
    visitor.wait_for_url(lambda url: run_id not in url)
    expect(visitor.get_by_text("Rerun of")).to_be_visible()
    assert reruns(galley) == before + 1


def reruns(galley: Galley) -> int:
    listed = galley.api.get("/api/workflowruns", params={"triggerSource": "rerun"}).json()
    return listed["totalCount"]


def test_while_the_server_is_away_the_page_says_so(
    visitor: Page, galley: Galley, complaints: list[str]
) -> None:
    run_id = galley.eventually(galley.start("Gated", gate=str(galley.gate("away"))), "Running")
    visitor.goto(f"/runs/{run_id}")
    stale = visitor.get_by_text("The server is not responding.")
    expect(stale).to_be_hidden()
    visitor.route("**/runs/**", lambda route: route.abort())
    expect(stale).to_be_visible()
    visitor.unroute("**/runs/**")
    expect(stale).to_be_hidden()
    assert all("Failed to" in complaint for complaint in complaints)
    complaints.clear()
    galley.abort(run_id)


def test_a_form_that_is_refused_keeps_what_was_typed(
    visitor: Page, galley: Galley, complaints: list[str]
) -> None:
    visitor.goto(f"/workflows/{galley.workflow('Failing')}")
    visitor.locator("summary", has_text="Parameters").click()
    lines = visitor.get_by_label("One NAME=VALUE per line")
    lines.fill("version=1.4\nnonsense")
    visitor.get_by_role("button", name="Run", exact=True).click()
    expect(visitor.get_by_text("Line 2 is not NAME=VALUE.")).to_be_visible()
    expect(lines).to_have_value("version=1.4\nnonsense")
    expect(lines).to_be_focused()
    complaints.clear()
    lines.fill("version=1.4")
    visitor.get_by_role("button", name="Run", exact=True).click()
    expect(visitor.locator(".facts")).to_contain_text(["1.4"])


def test_a_list_is_searched_while_typing_and_the_address_keeps_it(visitor: Page) -> None:
    visitor.goto("/workflows")
    rows = visitor.locator("#workflow-list tbody tr")
    visitor.get_by_role("searchbox").press_sequentially("gated")
    expect(rows).to_have_count(2)
    expect(visitor.get_by_role("searchbox")).to_be_focused()
    expect(visitor).to_have_url("/workflows?search=gated")
    visitor.reload()
    expect(rows).to_have_count(2)


def test_a_theme_that_was_chosen_stays(visitor: Page) -> None:
    visitor.goto("/runs?status=Failed")
    visitor.get_by_role("button", name="admin: account menu").click()
    visitor.get_by_role("button", name="Dark").click()
    expect(visitor).to_have_url("/runs?status=Failed")
    visitor.goto("/workflows")
    expect(visitor.locator("html")).to_have_attribute("data-theme", "dark")

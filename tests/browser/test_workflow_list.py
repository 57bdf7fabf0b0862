"""The list of workflows and the frame around every page: by mouse, by keys, without JavaScript."""

from urllib.parse import quote_plus

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.browser.galley import Galley, sign_in
from tests.support.wait import eventually

SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((e) => e.value)))
    .observe({ type: "layout-shift" });
}"""


@pytest.fixture
def spare(galley: Galley) -> str:
    """The name of a workflow that a test may change."""
    return galley.spare_workflow()


def row(page: Page, name: str):
    return page.locator("#workflow-list tbody tr").filter(has=page.get_by_role("link", name=name))


def test_a_workflow_is_switched_off_copied_deleted_and_taken_back(
    visitor: Page, spare: str
) -> None:
    page = visitor
    page.goto(f"/workflows?search={spare}")
    page.get_by_role("button", name=f"More for {spare}").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text(f"{spare} disabled.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Run {spare}")).to_have_count(0)
    page.get_by_role("button", name=f"More for {spare}").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("heading", name=f"{spare} (copy)")).to_be_visible()
    page.goto(f"/workflows?search={spare}")
    expect(page.locator("#workflow-list tbody tr")).to_have_count(2)
    page.get_by_role("button", name=f"More for {spare}", exact=True).click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"{spare} was deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(f"{spare} restored.")).to_be_visible()


def test_the_same_works_without_javascript(plain_page: Page, spare: str) -> None:
    page = plain_page
    sign_in(page)
    page.get_by_role("searchbox").fill(spare)
    page.get_by_label("Order").select_option("Last run first")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#workflow-list tbody tr")).to_have_count(1)
    page.get_by_role("button", name=f"More for {spare}").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text(f"{spare} disabled.")).to_be_visible()
    page.get_by_role("button", name=f"More for {spare}").click()
    page.get_by_role("button", name="Enable").click()
    page.get_by_role("button", name=f"Run {spare}").click()
    expect(page.get_by_role("heading", name=spare)).to_be_visible()


def test_by_keys_alone_a_workflow_is_found_and_run(visitor: Page, spare: str) -> None:
    page = visitor
    page.goto("/runs")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("/workflows")
    page.keyboard.press("/")
    page.keyboard.type(spare)
    expect(page.locator("#workflow-list tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"/workflows?search={quote_plus(spare)}")
    run = page.get_by_role("button", name=f"Run {spare}")
    for _ in range(10):
        page.keyboard.press("Tab")
        if run.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("/runs/*")


def test_a_question_mark_opens_the_help_but_not_where_one_types(visitor: Page) -> None:
    page = visitor
    page.goto("/workflows")
    help_sheet = page.get_by_role("dialog", name="Help")
    page.get_by_role("searchbox").press("?")
    expect(help_sheet).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_have_value("?")
    page.get_by_role("heading", name="Workflows").click()
    page.keyboard.press("?")
    expect(help_sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_sheet).to_be_hidden()


def test_nothing_moves_while_nothing_changes(visitor: Page, galley: Galley, spare: str) -> None:
    page = visitor
    galley.eventually(galley.start(spare), "Succeeded")
    page.goto(f"/workflows?search={spare}")
    page.evaluate(SHIFTS)
    answers: list[int] = []
    page.on(
        "response",
        lambda answer: "/workflows/list" in answer.url and answers.append(answer.status),
    )

    def has_polled() -> bool:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(20)  # in which the answer may come
        return len(answers) >= 10

    eventually(has_polled, 20, "ten polls")
    assert set(answers) == {304}
    assert page.evaluate("window.shifts") == []


def test_on_a_small_screen_the_navigation_is_behind_a_button(visitor: Page) -> None:
    page = visitor
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/workflows")
    runs = page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs")
    expect(runs).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    runs.click()
    page.wait_for_url("/runs")

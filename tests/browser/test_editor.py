"""The editor in a browser: by mouse, by keys alone, without JavaScript; two at once; a lost tab."""

import itertools
from collections.abc import Iterator

import pytest

pytest.importorskip("pytest_playwright")

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.galley import Galley
from tests.browser.hands import Keys, Mouse

SCRIPT = "echo > $GALLEY_OUTPUT/a"
_numbers = itertools.count(1)


@pytest.fixture(params=["mouse", "keys", "without JavaScript"])
def hand(request: pytest.FixtureRequest, galley: Galley) -> Iterator[Mouse]:
    if request.param == "without JavaScript":
        plain_page: Page = request.getfixturevalue("plain_page")
        plain_page.context.add_cookies(galley.cookies)
        yield Mouse(plain_page)
    else:
        page: Page = request.getfixturevalue("visitor")
        yield Keys(page) if request.param == "keys" else Mouse(page)


@pytest.fixture
def spare(galley: Galley) -> str:
    """The id of a workflow of one stage with the step `wheel`."""
    return galley.workflow(galley.spare_workflow())


def card(page: Page, name: str) -> Locator:
    return page.locator(".editor .step").filter(has_text=name).first


def steps(page: Page, stage: int) -> Locator:
    """The names of the steps of a stage, counted from 0."""
    return page.locator(".editor .stage").nth(stage).locator(".step-name")


def test_a_pipeline_is_built_from_nothing_saved_and_run(hand: Mouse, galley: Galley) -> None:
    page, name = hand.page, f"Built {next(_numbers)} {type(hand).__name__}"
    page.goto("/workflows/new?projectId=pond")
    hand.fill("Name", name)
    hand.press("Begin")
    hand.press("build Build · to mend")
    hand.fill("Ingredient", "duck")
    hand.fill("Script optional", SCRIPT)
    hand.press("Add a stage")
    expect(page.locator(".editor .stage")).to_have_count(2)
    hand.press("Add a Build step to Stage 2")
    hand.fill("Ingredient", "duck")
    hand.fill("Script optional", SCRIPT)
    hand.press("Remove build 2")
    expect(page.locator(".editor .step")).to_have_count(1)
    hand.press("Undo: removed a part")
    expect(page.locator(".editor .step")).to_have_count(2)
    hand.press("Save")
    expect(page.get_by_text(f"{name} is saved as revision 1.")).to_be_visible()
    hand.press("Run")
    page.wait_for_url("/runs/*")
    galley.eventually(page.url.rpartition("/")[2], "Succeeded")


def test_a_step_is_dragged_to_another_stage(visitor: Page, spare: str) -> None:
    page = visitor
    page.goto(f"/workflows/{spare}/edit")
    page.get_by_role("button", name="Add a stage").click()
    page.get_by_role("button", name="Add a Deploy step to Stage 2").click()
    expect(steps(page, 1)).to_have_text(["deploy"])
    card(page, "wheel").drag_to(card(page, "deploy"))
    expect(page.locator("#editor-said")).to_have_text("moved a part")
    expect(steps(page, 0)).to_have_count(0)
    expect(steps(page, 1)).to_have_count(2)


def test_a_step_is_moved_by_alt_and_arrows_and_keeps_the_focus(visitor: Page, spare: str) -> None:
    page = visitor
    page.goto(f"/workflows/{spare}/edit")
    page.get_by_role("button", name="Add a Test step to stage 1").click()
    expect(steps(page, 0)).to_have_text(["wheel", "test"])
    card(page, "wheel").focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(steps(page, 0)).to_have_text(["test", "wheel"])
    expect(card(page, "wheel")).to_be_focused()
    expect(page.locator("#editor-said")).to_have_text("moved on")


def test_typing_is_checked_and_disturbs_nobody(visitor: Page, spare: str) -> None:
    page = visitor
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    limit = page.get_by_label("Time limit in seconds")
    limit.fill("soon")
    expect(page.get_by_text("Must be a whole number.")).to_be_visible()
    expect(limit).to_be_focused()
    expect(limit).to_have_value("soon")
    limit.fill("90")
    expect(page.get_by_text("It can be saved.")).to_be_visible()
    script = page.get_by_label("Script")
    script.press("Control+End")
    script.press_sequentially("# a comment that takes its time to be typed", delay=20)
    expect(script).to_have_value(f"{SCRIPT}# a comment that takes its time to be typed")


def test_who_closes_the_tab_goes_on_where_they_were(
    browser: Browser, galley: Galley, spare: str
) -> None:
    context = browser.new_context(base_url=galley.url)
    context.add_cookies(galley.cookies)
    page = context.new_page()
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    page.get_by_label("Queue").fill("gpu")
    page.close(run_before_unload=False)
    again = context.new_page()
    again.goto(f"/workflows/{spare}/edit")
    card(again, "wheel").click()
    expect(again.get_by_label("Queue")).to_have_value("gpu")
    context.close()


def test_two_who_change_the_same_choose_and_lose_nothing(
    visitor: Page, galley: Galley, spare: str
) -> None:
    page, path = visitor, f"/api/workflows/{spare}"
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    page.get_by_label("Queue").fill("mine")
    page.get_by_label("Retries").fill("2")
    theirs = galley.api.get(path).json()
    theirs["stages"][0]["steps"][0].update(queue="others", timeoutSeconds=77)
    assert galley.api.put(path, json=theirs).is_success
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Two changed the same").wait_for()
    page.get_by_role("radio", name="Yours").check()
    page.get_by_role("button", name="Save what I chose").click()
    expect(page.get_by_text("is saved as revision 3.")).to_be_visible()
    saved = galley.api.get(path).json()["stages"][0]["steps"][0]
    assert (saved["queue"], saved["retries"], saved["timeoutSeconds"]) == ("mine", 2, 77)

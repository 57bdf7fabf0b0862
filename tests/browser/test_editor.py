"""The editor in a browser: by mouse, by keys alone, without JavaScript; two at once; a lost tab."""

import itertools
import re
from collections.abc import Iterator
from typing import Literal

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.galley import Galley
from tests.browser.hands import Keys, Mouse
from tests.browser.test_appearance import faults
from tests.support.wait import eventually

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


def test_a_new_pipeline_is_built_saved_and_run(hand: Mouse, galley: Galley) -> None:
    page, name = hand.page, f"Built {next(_numbers)} {type(hand).__name__}"
    page.goto("/workflows/new?projectId=pond")
    hand.fill("Name", name)
    hand.press("Create")
    hand.press("build Build · error")
    hand.fill("Ingredient", "duck")
    hand.fill("Script optional", SCRIPT)
    hand.press("Add stage")
    expect(page.locator(".editor .stage")).to_have_count(2)
    hand.press("Add Build step to Stage 2")
    hand.fill("Ingredient", "duck")
    hand.fill("Script optional", SCRIPT)
    hand.press("Delete build 2")
    expect(page.locator(".editor .step")).to_have_count(1)
    hand.press("Undo: build 2 deleted from Stage 2")
    expect(page.locator(".editor .step")).to_have_count(2)
    hand.press("Save")
    expect(page.get_by_text(f"{name} was saved as revision 1.")).to_be_visible()
    hand.press("Run")
    page.wait_for_url("/runs/*")
    galley.eventually(page.url.rpartition("/")[2], "Succeeded")


def test_parts_are_moved_by_drag_and_by_keys_and_the_focus_is_never_lost(
    visitor: Page, spare: str, complaints: list[str]
) -> None:
    page, keys, part = visitor, visitor.keyboard, visitor.locator("#part")
    told, undo = page.locator("#editor-message"), page.locator("#undo-last")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").press("Enter")
    expect(told).to_have_text("Step wheel is open")
    expect(part).to_be_focused()
    expect(page.get_by_label("Name")).to_be_in_viewport()
    keys.press("Escape")
    expect(card(page, "wheel")).to_be_focused()
    page.set_viewport_size({"width": 1440, "height": 900})

    page.get_by_role("button", name="Add stage").press("Enter")
    expect(told).to_have_text("Stage 2 added, 2 of 2")
    expect(part).to_have_text("Stage 2")
    expect(part).to_be_focused()
    page.get_by_role("button", name="Add Deploy step to Stage 2").press("Enter")
    expect(part).to_have_text("Step deploy")
    expect(part).to_be_focused()
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("link", name="Not saved: fix 2 errors")).to_be_visible()
    complaints.clear()  # of the answer 422
    expect(page.get_by_role("heading", name="Fix 2 errors to save")).to_be_focused()
    page.get_by_role("button", name="deploy: Environment must not be empty.").press("Enter")
    expect(told).to_have_text("Step deploy is open")
    expect(part).to_be_focused()

    card(page, "wheel").drag_to(card(page, "deploy"))
    expect(told).to_have_text(re.compile("wheel moved to [12] of 2 in Stage 2"))
    expect(steps(page, 0)).to_have_count(0)
    expect(steps(page, 1)).to_have_count(2)
    card(page, "wheel").focus()
    keys.press("Alt+End")
    expect(steps(page, 1)).to_have_text(["deploy", "wheel"])
    keys.press("Alt+ArrowUp")
    expect(steps(page, 1)).to_have_text(["wheel", "deploy"])
    expect(card(page, "wheel")).to_be_focused()
    expect(told).to_have_text("wheel moved to 1 of 2 in Stage 2")
    page.get_by_role("button", name="Delete wheel").press("Enter")
    expect(steps(page, 1)).to_have_text(["deploy"])
    expect(page.get_by_role("button", name="Stage 2", exact=True)).to_be_focused()
    while undo.is_enabled():
        with page.expect_response(page.url.partition("?")[0]):
            undo.press("Enter")
        expect(told).to_have_text(re.compile("^undone"))
    expect(page.get_by_role("button", name="Redo")).to_be_focused()


def test_typing_is_validated_without_losing_the_focus(visitor: Page, spare: str) -> None:
    page = visitor
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    limit = page.get_by_label("Time limit in seconds")
    limit.fill("soon")
    expect(page.get_by_text("Must be a whole number.", exact=True)).to_be_visible()
    expect(limit).to_be_focused()
    expect(limit).to_have_value("soon")
    limit.fill("90")
    expect(page.get_by_text("Ready to save.")).to_be_visible()
    script = page.get_by_label("Script")
    script.press("Control+End")
    with page.expect_response(page.url):
        with page.expect_request(page.url):
            script.press_sequentially("# a comment ")
        script.press_sequentially("typed while an answer comes")
    expect(script).to_have_value(f"{SCRIPT}# a comment typed while an answer comes")


def test_text_typed_while_another_part_opens_is_stored(visitor: Page, spare: str) -> None:
    page, held = visitor, []

    def hold(route: Route) -> None:
        if "select" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.goto(f"/workflows/{spare}/edit")
    address = page.url
    page.route(address, hold)
    with page.expect_request(address):
        card(page, "wheel").click()
    page.get_by_label("Description").fill("Typed meanwhile.")
    held[0].continue_()
    page.get_by_role("heading", name="Step wheel").wait_for()
    page.unroute(address)

    def is_kept() -> bool:
        page.goto(address)
        return page.get_by_label("Description").input_value() == "Typed meanwhile."

    eventually(is_kept, 10, "what was typed to be in the draft")


def test_a_closed_tab_loses_no_input(visitor: Page, spare: str) -> None:
    again, page = visitor, visitor.context.new_page()
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    page.get_by_label("Queue").fill("gpu")
    page.close(run_before_unload=False)
    again.goto(f"/workflows/{spare}/edit")
    card(again, "wheel").click()
    expect(again.get_by_label("Queue")).to_have_value("gpu")


def test_conflicting_changes_are_resolved_without_loss(
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
    page.get_by_role("heading", name="Conflicting changes").wait_for()
    page.get_by_role("radio", name="Yours").check()
    page.get_by_role("button", name="Save choices").click()
    expect(page.get_by_text("was saved as revision 3.")).to_be_visible()
    saved = galley.api.get(path).json()["stages"][0]["steps"][0]
    assert (saved["queue"], saved["retries"], saved["timeoutSeconds"]) == ("mine", 2, 77)


def test_code_fields_indent_with_tab_and_number_their_lines(visitor: Page, spare: str) -> None:
    page, keys = visitor, visitor.keyboard
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    script, lines = page.locator("#f-buildScript"), page.locator("#f-buildScript-lines")
    expect(lines).to_have_text("1")
    script.fill("for a in b; do")
    script.press("End")
    keys.press("Enter")
    keys.press("Tab")
    keys.type("echo $a")
    keys.press("Enter")
    keys.type("exit")
    expect(script).to_have_value("for a in b; do\n  echo $a\n  exit")
    expect(lines).to_have_text("1\n2\n3")
    keys.press("Shift+Tab")
    expect(script).to_have_value("for a in b; do\n  echo $a\nexit")
    keys.press("Control+A")
    keys.press("Tab")
    expect(script).to_have_value("  for a in b; do\n    echo $a\n  exit")
    keys.press("Shift+Tab")
    expect(script).to_have_value("for a in b; do\n  echo $a\nexit")
    keys.press("Control+Z")
    expect(script).to_have_value("  for a in b; do\n    echo $a\n  exit")
    page.get_by_role("button", name="Undo: changed wheel").wait_for()  # an answer has come in
    expect(lines).to_have_text("1\n2\n3")
    expect(script).to_have_accessible_description(re.compile("Escape, then Tab"))
    keys.press("Escape")
    keys.press("Tab")
    expect(page.get_by_label("Time limit in seconds")).to_be_focused()
    keys.press("Shift+Tab")
    expect(script).to_be_focused()
    keys.press("Escape")
    keys.press("Shift+Tab")
    expect(page.get_by_label("Ingredient")).to_be_focused()

    # Numbers stay beside the lines that are scrolled.
    script.fill("\n".join(["x" * 200] * 100))
    expect(lines).to_have_text(re.compile("99\\s+100$"))
    script.press("Control+End")
    page.wait_for_function(
        "([code, lines]) => code.scrollTop > 0 && code.scrollTop === lines.scrollTop",
        arg=[script.element_handle(), lines.element_handle()],
    )


@pytest.mark.parametrize("hand", ["keys", "without JavaScript"], indirect=True)
def test_a_missing_ingredient_is_created_on_the_way(
    hand: Mouse, galley: Galley, spare: str
) -> None:
    page, number = hand.page, next(_numbers)
    page.goto(f"/workflows/{spare}/edit")
    hand.press("wheel Build")
    hand.fill("Ingredient", f"goose-{number}")
    if isinstance(hand, Keys):
        page.get_by_text(f"There is no ingredient goose-{number} in pond yet").wait_for()
    else:
        hand.press("wheel Build")
    hand.fill("Display name optional", "Grey goose")
    hand.press("Create ingredient")
    expect(page.get_by_text("Ready to save.")).to_be_visible()
    expect(page.get_by_text("There is no ingredient")).to_have_count(0)
    expect(page.get_by_text("Missing for a run")).to_have_count(0)
    expect(page.get_by_label("Ingredient")).to_have_value(f"goose-{number}")
    made = galley.api.get(f"/api/ingredients/goose-{number}").json()
    assert (made["name"], made["projectId"]) == ("Grey goose", "pond")
    if isinstance(hand, Keys):
        expect(page.get_by_label("Ingredient")).to_be_focused()
        expect(page.locator("#editor-message")).to_have_text(
            f"The ingredient goose-{number} was created."
        )
    hand.press("Save")
    expect(page.get_by_text("was saved as revision 2.")).to_be_visible()


def test_each_error_in_yaml_is_shown_with_its_line(
    visitor: Page, spare: str, complaints: list[str]
) -> None:
    page = visitor
    page.goto(f"/workflows/{spare}/edit")
    page.get_by_role("link", name="Source").click()
    before = page.get_by_label("Definition").input_value()
    text = f"{before.replace('type: Build', 'type: Bake')}concurrency: many\ncolour: red\n"
    rows = text.split("\n")
    at = [rows.index(row) + 1 for row in rows if re.search("Bake|many|colour", row)]
    page.get_by_label("Definition").fill(text)
    page.get_by_role("button", name="Apply").click()
    found = page.get_by_role("alert").get_by_role("listitem")
    expect(found).to_have_text([re.compile(f"^Line {line}:") for line in at])
    expect(page.get_by_label("Definition")).to_be_focused()
    complaints.clear()  # of the answer 422
    page.get_by_label("Definition").fill(before.replace("wheel", "cog"))
    page.get_by_role("button", name="Apply").click()
    expect(steps(page, 0)).to_have_text(["cog"])
    page.get_by_role("button", name="Undo: source applied").click()
    expect(steps(page, 0)).to_have_text(["wheel"])


def test_an_old_revision_is_restored(visitor: Page, galley: Galley, spare: str) -> None:
    page, path = visitor, f"/api/workflows/{spare}"
    before = galley.api.get(path).json()
    page.goto(f"/workflows/{spare}/edit")
    card(page, "wheel").click()
    page.get_by_label("Queue").fill("gpu")
    page.get_by_label("Comment for the history").fill("For the new machines.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("was saved as revision 2.").wait_for()
    page.goto(f"/workflows/{spare}/history")
    expect(page.get_by_role("row").nth(1)).to_contain_text("For the new machines.")
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.locator(".differences")).to_contain_text(re.compile(r"Queue\s+default.*gpu", re.S))
    page.get_by_role("link", name="History").click()
    page.get_by_role("button", name="Restore revision 1").click()
    expect(page.get_by_text("Revision 1 restored as revision 3.")).to_be_visible()
    assert galley.api.get(path).json()["stages"] == before["stages"]


@pytest.mark.slow
def test_the_editor_is_accessible_in_every_state(
    visitor: Page, galley: Galley, spare: str, complaints: list[str]
) -> None:
    path = f"/api/workflows/{spare}"
    body = galley.api.get(path).json()
    unit = {"name": "unit", "type": "Test", "configuration": {"testSuite": "none"}}
    body["stages"].append({"name": "test", "order": 9, "steps": [unit]})
    body = galley.api.put(path, json=body).json()
    page, wrong = visitor, []

    def look(name: str, *schemes: Literal["light", "dark"]) -> None:
        """Schemes: dark as well for what has colours of its own."""
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            wrong.extend(faults(page, name, scheme))

    page.goto(f"/workflows/{spare}/edit")
    address = page.url

    card(page, "unit").click()
    page.get_by_text("There is no test suite").wait_for()
    page.get_by_role("button", name="Create test suite").click()
    page.get_by_text("Must not be empty.").wait_for()
    expect(page.get_by_label("Script")).to_be_focused()
    page.get_by_text("Choose releases").click()
    page.get_by_role("button", name="duck@latest").click()
    page.get_by_role("button", name="duck@latest", pressed=True).wait_for()
    page.get_by_label("Time limit in seconds").fill("soon")
    page.get_by_text("Must be a whole number.", exact=True).wait_for()
    look("a step with errors", "light", "dark")
    page.get_by_label("Time limit in seconds").fill("60")
    page.get_by_role("button", name="test", exact=True).click()
    page.get_by_label("Requires approval").check()
    page.get_by_text("Roles that may approve").wait_for()
    page.get_by_text("Ready to save.").wait_for()
    look("a stage", "light")

    card(page, "wheel").click()
    page.get_by_label("Type").select_option("Deploy")
    page.get_by_label("Environment").fill("nest")
    page.get_by_label("Artifact").fill("*")
    page.get_by_role("button", name="Workflow", exact=True).click()  # takes it along at once
    page.get_by_role("heading", name="The workflow").wait_for()
    page.goto(f"{address}/source")
    page.get_by_label("Definition").fill("name: x\ncolour: red\n")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("Line 2:").wait_for()
    look("source with errors", "light")

    build = body["stages"][0]["steps"][0]
    build["configuration"]["buildScript"] = "make\nmake install\n"
    assert galley.api.put(path, json=body).is_success
    page.goto(address)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Conflicting changes").wait_for()
    look("conflicts", "light", "dark")
    page.goto(f"/workflows/{spare}/history/3")
    page.locator(".differences .of-added").first.wait_for()
    look("differences", "light", "dark")
    page.goto(f"/workflows/{spare}/history")
    look("history", "light")
    complaints.clear()  # of the answers 422
    assert wrong == []

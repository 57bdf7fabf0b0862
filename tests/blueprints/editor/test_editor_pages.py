"""The editor as form posts: their effect on the draft, and that no input gets lost."""

import re

import pytest
from flask.testing import FlaskClient

from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.editor import drafts
from domain.models import (
    Draft,
    Environment,
    Ingredient,
    Project,
    TestSuite,
    Workflow,
    WorkflowRevision,
)
from domain.projects import projects
from domain.workflows import workflows
from tests.support.people import People
from tests.support.pipelines import ACTOR, a_workflow, build, deploy
from tests.support.pipelines import test as a_test

PIECE = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def workflow(project: Project) -> Workflow:
    return a_workflow([build("wheel"), build("docs")], [build("sign")])


@pytest.fixture
def draft(visitor: FlaskClient, workflow: Workflow) -> str:
    """The address of a draft of the workflow."""
    answer = visitor.get(f"/workflows/{workflow.id}/edit")
    assert answer.status_code == 302
    return answer.location


def definition() -> dict:
    return drafts.present(Draft.get()).definition


def names() -> list[list[str]]:
    return [[step["name"] for step in stage["steps"]] for stage in definition()["stages"]]


def step(name: str) -> dict:
    steps = [step for stage in definition()["stages"] for step in stage["steps"]]
    return next(step for step in steps if step["name"] == name)


def form_of(known_as: str, **changed: str) -> dict[str, str]:
    """Return the form of a Build step."""
    found = step(known_as)
    return {
        "part": found["id"],
        "name": known_as,
        "type": "Build",
        "ingredientId": found["configuration"]["ingredientId"],
        "buildScript": found["configuration"]["buildScript"] or "",
        "timeoutSeconds": "3600",
        "retries": "0",
        "queue": "default",
        **changed,
    }


def edit_elsewhere(workflow: Workflow, **changed: object) -> None:
    """Save the first step as another user, with another script or name."""
    present = Workflow.get_by_id(workflow.id)
    revision = WorkflowRevision.get(
        WorkflowRevision.workflow == present.id, WorkflowRevision.number == present.revision
    )
    body = revision.definition
    body["stages"][0]["steps"][0]["configuration"].update(changed)
    workflows.update(present, parse(body, ChangedWorkflow), actor=ACTOR)


def test_a_new_workflow_is_created_and_saved(visitor: FlaskClient, project: Project) -> None:
    assert 'href="/workflows/new"' in visitor.get("/workflows").text
    begun = visitor.post("/workflows/new", data={"projectId": "pond", "name": "Fresh"})
    assert begun.status_code == 303
    part = step("build")["id"]
    visitor.post(begun.location, data={"do": f"select:{part}"})
    filled = form_of("build", ingredientId="duck", buildScript="true\r\ntrue", name="egg")
    page = visitor.post(begun.location, data=filled, follow_redirects=True).text
    assert "Ready to save" in page
    assert "releases duck" in page
    made = visitor.post(f"{begun.location}/save", data={"comment": "The first."})
    workflow = Workflow.get()
    assert (made.status_code, made.location) == (303, f"/workflows/{workflow.id}")
    saved = WorkflowRevision.get()
    assert saved.comment == "The first."
    assert saved.definition["stages"][0]["steps"][0]["configuration"]["buildScript"] == "true\ntrue"
    assert Draft.select().count() == 0


def test_a_draft_is_private_and_survives_a_break(
    visitor: FlaskClient, people: People, workflow: Workflow, draft: str
) -> None:
    visitor.post(draft, data=form_of("wheel", buildScript="half a tho"))
    assert visitor.get(f"/workflows/{workflow.id}/edit").location == draft
    page = visitor.get(f"{draft}?part={step('wheel')['id']}").text
    assert "half a tho" in page
    assert people.admin.browser().get(draft).status_code == 404  # it is nobody else's
    assert people.admin.browser().get(f"/workflows/{workflow.id}/edit").location != draft


def test_an_untouched_draft_is_replaced_by_a_current_one(
    visitor: FlaskClient, workflow: Workflow, draft: str
) -> None:
    edit_elsewhere(workflow, buildScript="make")
    visitor.get(f"/workflows/{workflow.id}/edit")
    assert step("wheel")["configuration"]["buildScript"] == "make"


def test_opening_another_part_stores_the_typed_fields(visitor: FlaskClient, draft: str) -> None:
    other = step("sign")["id"]
    answer = visitor.post(
        draft, data=form_of("wheel", queue="gpu", do=f"select:{other}", comment="Half a tho")
    )
    assert answer.location.endswith(f"?part={other}&comment=Half+a+tho#part")
    assert step("wheel")["queue"] == "gpu"
    page = visitor.get(answer.location).text
    assert "Step sign" in page
    assert 'value="Half a tho"' in page


@pytest.mark.parametrize(
    ("act", "left"),
    [
        ("move:{wheel}:on", [["docs", "wheel"], ["sign"]]),
        ("move:{wheel}:right", [["docs"], ["wheel", "sign"]]),
        ("place:{docs}:{second}:1", [["wheel"], ["sign", "docs"]]),
        ("copy:{sign}", [["wheel", "docs"], ["sign", "sign 2"]]),
        ("remove:{docs}", [["wheel"], ["sign"]]),
        ("add_step:{second}:Deploy", [["wheel", "docs"], ["sign", "deploy"]]),
        ("add_stage:", [["wheel", "docs"], ["sign"], []]),
        ("remove:{second}", [["wheel", "docs"]]),
        ("remove:none", [["wheel", "docs"], ["sign"]]),
        ("move:{wheel}:sideways", [["wheel", "docs"], ["sign"]]),
        ("nonsense", [["wheel", "docs"], ["sign"]]),
    ],
)
def test_undo_and_redo_revert_and_repeat_a_command(
    visitor: FlaskClient, draft: str, act: str, left: list[list[str]]
) -> None:
    ids = {name: step(name)["id"] for name in ("wheel", "docs", "sign")}
    second = definition()["stages"][1]["id"]
    visitor.post(draft, data={"do": act.format(second=second, **ids)})
    assert names() == left
    changed = Draft.get().position
    visitor.post(draft, data={"do": "undo"})
    assert names() == [["wheel", "docs"], ["sign"]]
    visitor.post(draft, data={"do": "redo"})
    assert names() == (left if changed else [["wheel", "docs"], ["sign"]])


def test_undo_reverts_all_typing_in_a_part_at_once(visitor: FlaskClient, draft: str) -> None:
    for script in ("m", "ma", "mak", "make"):
        visitor.post(draft, data=form_of("wheel", buildScript=script), headers=PIECE)
    assert step("wheel")["configuration"]["buildScript"] == "make"
    visitor.post(draft, data={"do": "undo"})
    assert step("wheel")["configuration"]["buildScript"] == "true"


def test_typing_shows_errors_beside_the_fields(visitor: FlaskClient, draft: str) -> None:
    page = visitor.post(
        draft, data=form_of("wheel", name="docs", timeoutSeconds="soon"), headers=PIECE
    ).text
    assert 'hx-target="#problems"' in page
    assert "Fix 2 errors to save" in page
    assert "Must be a whole number." in page
    assert re.search('id="f-timeoutSeconds"[^>]*aria-invalid="true"', page)
    assert 'value="soon"' in page


def test_errors_of_parameters_say_which_parameter(visitor: FlaskClient, draft: str) -> None:
    row = {"name": "", "type": "choice", "choices": "a\tb"}
    typed = {f"parameters.0.{name}": value for name, value in row.items()}
    page = visitor.post(draft, data={"part": "", "name": "", **typed}, headers=PIECE).text
    assert "<strong>Parameter 1:</strong> Name must not be empty.</button>" in page
    assert '">Name must not be empty.</button>' in page
    assert "<strong>Parameter 1:</strong> Choices each must be one line without" in page


@pytest.mark.parametrize("typed", ["9" * 5000, "٣", "-1", "1e3", ""])
def test_text_that_is_no_number_is_stored(visitor: FlaskClient, draft: str, typed: str) -> None:
    sent = form_of("wheel", retries=typed, **{f"parameters.{typed}.name": "x"})
    assert visitor.post(draft, data=sent, headers=PIECE).status_code == 200
    assert step("wheel")["retries"] == typed


def test_missing_references_are_warnings(visitor: FlaskClient, draft: str) -> None:
    page = visitor.post(draft, data=form_of("wheel", ingredientId="goose"), headers=PIECE).text
    assert "Ready to save" in page
    assert "Missing for a run" in page
    assert "goose" in page


def test_a_new_type_resets_the_configuration(visitor: FlaskClient, draft: str) -> None:
    page = visitor.post(draft, data=form_of("wheel", type="Test"), headers=PIECE).text
    assert step("wheel")["configuration"] == {"testSuite": "", "releaseIds": []}
    assert "Test suite" in page


def test_parameters_are_declared_row_by_row(visitor: FlaskClient, draft: str) -> None:
    visitor.post(draft, data={"part": "", "name": "Release", "do": "add_parameter:"})
    row = {"parameters.0.name": "level", "parameters.0.type": "number", "parameters.0.default": "3"}
    sent = {"part": "", "name": "Release", **row, "parameters.0.required": "true"}
    assert "Ready to save" in visitor.post(draft, data=sent, follow_redirects=True).text
    (parameter,) = definition()["parameters"]
    assert (parameter["name"], parameter["default"], parameter["required"]) == ("level", 3, True)
    visitor.post(draft, data={**sent, "do": "remove_parameter:0"})
    assert definition()["parameters"] is None


def test_approval_and_its_roles(visitor: FlaskClient, draft: str) -> None:
    stage = definition()["stages"][1]
    sent = {"part": stage["id"], "name": stage["name"], "runIf": "always", "approval": "true"}
    visitor.post(draft, data={**sent, "roles": ["Admin"]})
    changed = definition()["stages"][1]
    assert (changed["runIf"], changed["approval"]) == (
        "always",
        {"required": True, "roles": ["Admin"]},
    )
    visitor.post(draft, data={**sent, "approval": "false"})
    assert definition()["stages"][1]["approval"] is None


def test_a_draft_with_errors_is_not_saved(
    visitor: FlaskClient, workflow: Workflow, draft: str
) -> None:
    typed = form_of("wheel", ingredientId="")
    refused = visitor.post(f"{draft}/save", data=typed)
    assert refused.status_code == 422
    assert '<a href="#check">Not saved: fix 1 error</a>' in refused.text
    assert 'id="editor-message">Not saved: fix 1 error<' in refused.text
    head = r'<div role="status">\s*<h2 id="check" tabindex="-1"{}\s*>Fix 1 error to save'
    assert re.search(head.format(r'\s+autofocus=""'), refused.text)
    assert (
        "wheel:</strong> Ingredient must not be empty.</button>" in refused.text
    )  # its name on the page
    again = visitor.post(draft, data=typed, headers=PIECE).text
    assert "Not saved" not in again
    assert re.search(head.format(""), again)
    assert Workflow.get_by_id(workflow.id).revision == 1
    assert step("wheel")["configuration"]["ingredientId"] == ""


def test_changes_in_different_places_are_merged(
    visitor: FlaskClient, workflow: Workflow, draft: str
) -> None:
    visitor.post(draft, data=form_of("docs", buildScript="make docs"))
    edit_elsewhere(workflow, buildScript="make wheel")
    saved = visitor.post(f"{draft}/save", follow_redirects=True)
    assert "Merged with revision 2" in saved.text
    newest = WorkflowRevision.get(WorkflowRevision.number == 3).definition
    scripts = [step["configuration"]["buildScript"] for step in newest["stages"][0]["steps"]]
    assert scripts == ["make wheel", "make docs"]


@pytest.mark.parametrize(("choice", "left"), [("yours", "mine"), ("theirs", "others")])
def test_conflicting_changes_need_a_choice(
    visitor: FlaskClient, workflow: Workflow, draft: str, choice: str, left: str
) -> None:
    visitor.post(draft, data=form_of("wheel", buildScript="mine"))
    edit_elsewhere(workflow, buildScript="others")
    asked = visitor.post(f"{draft}/save", data={"comment": "Why & how"})
    assert asked.location == f"{draft}/conflicts?comment=Why+%26+how"
    page = visitor.get(asked.location).text
    for text in ("mine", "others", "true", 'value="Why &amp; how"'):
        assert text in page
    key = re.search(r'name="(conflict\.[^"]+)"', page)
    assert key
    unanswered = visitor.post(asked.location)
    assert unanswered.status_code == 422
    stale = visitor.post(asked.location, data={key[1]: choice, "revision": "1"})
    assert stale.status_code == 422
    saved = visitor.post(asked.location, data={key[1]: choice, "revision": "2"})
    assert saved.location == f"/workflows/{workflow.id}"
    newest = WorkflowRevision.get(WorkflowRevision.number == 3).definition
    assert newest["stages"][0]["steps"][0]["configuration"]["buildScript"] == left


def test_a_merge_with_errors_cannot_be_undone(
    visitor: FlaskClient, workflow: Workflow, draft: str
) -> None:
    """An earlier state would revert changes of others."""
    visitor.post(draft, data=form_of("docs", ingredientId=""))
    edit_elsewhere(workflow, buildScript="make wheel")
    assert visitor.post(f"{draft}/save").status_code == 422
    visitor.post(draft, data={"do": "undo"})
    assert step("wheel")["configuration"]["buildScript"] == "make wheel"
    visitor.post(draft, data=form_of("docs", ingredientId="duck"))
    visitor.post(f"{draft}/save")
    newest = WorkflowRevision.get(WorkflowRevision.number == 3).definition
    assert newest["stages"][0]["steps"][0]["configuration"]["buildScript"] == "make wheel"


def test_a_draft_can_be_discarded(visitor: FlaskClient, workflow: Workflow, draft: str) -> None:
    visitor.post(draft, data=form_of("wheel", buildScript="make"))
    assert visitor.post(f"{draft}/discard").location == f"/workflows/{workflow.id}"
    assert Draft.select().count() == 0


def test_a_user_cannot_edit(people: People, workflow: Workflow) -> None:
    reader = people.user.browser()
    assert reader.get(f"/workflows/{workflow.id}/edit").status_code == 403
    assert "/edit" not in reader.get(f"/workflows/{workflow.id}").text
    assert reader.post("/workflows/new", data={"projectId": "pond", "name": "x"}).status_code == 403


def test_a_draft_cannot_be_saved_after_losing_the_role(
    visitor: FlaskClient, people: People, draft: str
) -> None:
    from domain.models import Member

    Member.update(role="User").execute()
    assert visitor.post(f"{draft}/save").status_code == 403


def test_a_script_in_a_draft_is_text(visitor: FlaskClient, draft: str) -> None:
    evil = "</textarea><script>alert(1)</script>"
    page = visitor.post(draft, data=form_of("wheel", buildScript=evil), follow_redirects=True).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# ---- choices and missing things --------------------------------------------------------------


@pytest.fixture
def full_draft(visitor: FlaskClient, project: Project) -> str:
    """The address of a draft that names a missing suite and environment."""
    workflow = a_workflow(
        [build("wheel")], [a_test("unit", "quick")], [deploy("out", "nest", "dist/*")], name="Full"
    )
    return visitor.get(f"/workflows/{workflow.id}/edit").location


def create_form(known_as: str, **typed: str) -> dict[str, str]:
    """Return the form that creates the missing thing of a step."""
    found = step(known_as)
    plain = {"part": found["id"], "name": known_as, "type": found["type"], "do": "create"}
    texts = {key: value for key, value in found["configuration"].items() if isinstance(value, str)}
    rest = {"timeoutSeconds": "3600", "retries": "0", "queue": "default"}
    return {**plain, **texts, **rest, **typed}


def test_a_missing_ingredient_is_created_in_the_editor(
    visitor: FlaskClient, full_draft: str
) -> None:
    typed = create_form("wheel", ingredientId="goose", queue="gpu")
    page = visitor.post(full_draft, data={**typed, "do": ""}, headers=PIECE).text
    assert "There is no ingredient <strong>goose</strong> in pond yet" in page
    described = re.search('id="f-ingredientId"[^>]* aria-describedby="([^"]*)"', page)
    assert described
    assert described[1].split() == ["f-ingredientId-hint", "missing-title"]
    assert '<legend id="missing-title">There is no ingredient' in page
    made = visitor.post(full_draft, data={**typed, "new.name": "Grey goose"})
    assert made.status_code == 303
    page = visitor.get(made.location).text
    assert "The ingredient goose was created." in page
    assert "There is no ingredient" not in page
    assert "has no ingredient" not in page
    goose = Ingredient.get_by_id("goose")
    assert (goose.project_id, goose.name, goose.created_by) == ("pond", "Grey goose", "superuser")
    assert (step("wheel")["queue"], step("wheel")["configuration"]["ingredientId"]) == (
        "gpu",
        "goose",
    )
    visitor.post(full_draft, data=create_form("wheel", ingredientId="swan"))
    assert Ingredient.get_by_id("swan").name == "swan"


def test_a_missing_suite_needs_a_script_and_no_input_gets_lost(
    visitor: FlaskClient, full_draft: str
) -> None:
    refused = visitor.post(full_draft, data=create_form("unit", **{"new.script": ""}))
    assert refused.status_code == 422
    assert re.search('id="f-new-script"[^>]*aria-invalid="true"', refused.text)
    assert "Ready to save" in refused.text
    half = create_form("unit", **{"new.script": "make\r\ntest"})
    elsewhere = step("out")["id"]
    visitor.post(full_draft, data={**half, "do": f"select:{elsewhere}"})
    page = visitor.get(f"{full_draft}?part={step('unit')['id']}").text
    assert "make\ntest</textarea>" in page
    piece = visitor.post(full_draft, data=half, headers=PIECE)
    assert "The test suite quick was created." in piece.text
    assert TestSuite.get().script == "make\ntest"
    assert "making" not in definition()


def test_a_missing_environment_is_created_with_its_folder(
    visitor: FlaskClient, full_draft: str
) -> None:
    bad = create_form("out", **{"new.settings.path": "nest"})
    refused = visitor.post(full_draft, data=bad, headers=PIECE)
    assert refused.status_code == 422
    assert re.search('id="f-new-settings-path"[^>]*aria-invalid="true"', refused.text)
    assert 'value="nest"' in refused.text
    good = create_form("out", **{"new.settings.path": "/srv/nest"})
    assert visitor.post(full_draft, data=good, headers=PIECE).status_code == 200
    nest = Environment.get()
    assert (nest.name, nest.driver, nest.settings) == (
        "nest",
        "directory",
        {"path": "/srv/nest", "keep": 5},
    )
    assert visitor.post(full_draft, data=good, headers=PIECE).status_code == 200  # once more
    assert visitor.post(f"{full_draft}/save", data={**good, "do": ""}).status_code == 303


def test_an_invalid_name_is_refused_beside_its_field(visitor: FlaskClient, full_draft: str) -> None:
    with_spaces = create_form("wheel", ingredientId="Grey goose")
    refused = visitor.post(full_draft, data=with_spaces, headers=PIECE)
    assert refused.status_code == 422
    assert re.search('id="f-ingredientId"[^>]*aria-invalid="true"', refused.text)
    other = projects.create_project(ACTOR, "lake", "Lake")
    Ingredient.create(id="swan", project=other, name="Swan", created_by="test")
    taken = visitor.post(full_draft, data=create_form("wheel", ingredientId="swan"), headers=PIECE)
    assert taken.status_code == 409
    assert "is taken" in taken.text


def test_releases_are_chosen_by_buttons(visitor: FlaskClient, full_draft: str) -> None:
    unit = step("unit")["id"]
    page = visitor.get(f"{full_draft}?part={unit}").text
    assert re.search('value="pick:[^"]*:duck@run" aria-pressed="false"', page)
    assert "duck@latest" in page
    press = {**create_form("unit"), "do": f"pick:{unit}:duck@run"}
    page = visitor.post(full_draft, data=press, headers=PIECE).text
    assert step("unit")["configuration"]["releaseIds"] == ["duck@run"]
    assert re.search('value="pick:[^"]*:duck@run" aria-pressed="true"', page)
    assert "duck@run chosen for unit" in page
    out = step("out")["id"]
    visitor.post(full_draft, data={**create_form("out"), "do": f"pick:{out}:duck@latest"})
    assert step("out")["configuration"]["artifactPath"] == "duck@latest:dist/*"


def test_messages_name_the_last_change_and_what_undo_reverts(
    visitor: FlaskClient, draft: str
) -> None:
    wheel = step("wheel")["id"]
    for part, told in (
        (wheel, "Step wheel is open"),
        (definition()["stages"][0]["id"], "stage 1 is open"),
        ("", "The workflow is open"),
        ("gone", "The workflow is open"),
    ):
        page = visitor.post(draft, data={"do": f"select:{part}"}, headers=PIECE).text
        assert f'id="editor-message">{told}<' in page
    page = visitor.post(draft, data={"do": f"move:{wheel}:on"}, headers=PIECE).text
    assert 'id="editor-message">wheel moved to 2 of 2 in stage 1<' in page
    assert 'aria-label="Undo: wheel moved to 2 of 2 in stage 1"' in page
    page = visitor.post(draft, data={"do": f"move:{wheel}:on"}, headers=PIECE).text
    assert 'id="editor-message">wheel stays at 2 of 2 in stage 1<' in page
    page = visitor.post(draft, data={"do": "undo"}, headers=PIECE).text
    assert 'id="editor-message">undone: wheel moved to 2 of 2 in stage 1<' in page
    assert 'aria-label="Redo: wheel moved to 2 of 2 in stage 1"' in page


def test_a_conflicting_type_is_shown_with_its_configuration(
    visitor: FlaskClient, workflow: Workflow, draft: str
) -> None:
    visitor.post(draft, data=form_of("wheel", type="Test"))
    present = step("wheel")
    visitor.post(
        draft,
        data={
            **form_of("docs"),
            "part": present["id"],
            "name": "wheel",
            "type": "Test",
            "testSuite": "quick",
            "releaseIds": "duck@run\r\nduck@latest",
        },
    )
    edit_elsewhere(workflow, buildScript="make wheel")
    page = visitor.get(visitor.post(f"{draft}/save").location).text
    assert "<dt>Test suite</dt><dd><span>quick</span>" in re.sub(r">\s+<", "><", page)
    assert "duck@run, duck@latest" in page
    assert "{&#34;" not in page
    assert "make wheel" in page


# ---- source ----------------------------------------------------------------------------------

BROKEN = """\
name: Release
stages:
- name: one
  order: soon
  steps:
  - name: wheel
    type: Build
    configuration: {ingredientId: duck, buildScript: make}
  - name: wheel
    type: Bake
    configuration: {}
"""


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_the_shown_source_can_be_applied_unchanged(
    visitor: FlaskClient, draft: str, language: str
) -> None:
    before = definition()
    path = f"{draft}/source?language={language}"
    text = visitor.get(f"{path}&download=1").text
    assert "wheel" in text
    assert visitor.post(path, data={"text": text}).location == draft
    assert definition() == before


def test_a_source_replaces_the_draft(visitor: FlaskClient, draft: str) -> None:
    kept = step("wheel")["id"]
    text = BROKEN.replace("soon", "1").partition("  - name: wheel\n    type: Bake")[0]
    assert visitor.post(f"{draft}/source", data={"text": text}).status_code == 303
    assert names() == [["wheel"]]
    assert (step("wheel")["id"], step("wheel")["configuration"]["buildScript"]) == (kept, "make")
    assert visitor.post(f"{draft}/save").status_code == 303
    assert WorkflowRevision.get(WorkflowRevision.number == 2).definition["stages"][0]["steps"]


def test_errors_of_a_source_show_their_lines(visitor: FlaskClient, draft: str) -> None:
    refused = visitor.post(f"{draft}/source", data={"text": BROKEN})
    assert refused.status_code == 422
    lines = re.findall(r"<strong>Line (\d+):", refused.text)
    assert lines == ["4", "9", "10"]
    assert "Bake" in refused.text
    assert names() == [["wheel", "docs"], ["sign"]]
    nonsense = visitor.post(f"{draft}/source", data={"text": "a: [1"})
    assert "Line 1" in nonsense.text


# ---- history ---------------------------------------------------------------------------------


def test_the_history_shows_changes_and_restores_revisions(
    visitor: FlaskClient, people: People, workflow: Workflow, draft: str
) -> None:
    visitor.post(draft, data=form_of("wheel", buildScript="make\nmake install", queue="gpu"))
    visitor.post(f"{draft}/save", data={"comment": "For the new machines."})
    path = f"/workflows/{workflow.id}/history"
    page = people.user.browser().get(path).text
    assert "For the new machines." in page
    assert "/restore" not in page
    told = people.user.browser().get(f"/api/workflows/{workflow.id}/revisions/2").get_json()
    assert told["comment"] == "For the new machines."
    page = visitor.get(f"{path}/2").text
    assert re.search("default.*gpu", page, re.DOTALL)
    assert "+ make install" in page
    assert "- true" in page
    assert "  …" not in page  # both begin there
    assert "No earlier revision exists" in visitor.get(f"{path}/1").text
    assert "+ true" in visitor.get(f"{path}/1?against=2").text
    back = visitor.post(f"{path}/1/restore")
    assert "Revision 1 restored as revision 3." in visitor.get(back.location).text
    revisions = {r.number: r.definition for r in WorkflowRevision.select()}
    assert revisions[3] == revisions[1]
    assert visitor.get(f"{path}/9").status_code == 404


def test_a_difference_shows_gaps(visitor: FlaskClient, workflow: Workflow) -> None:
    lines = [f"line {number}" for number in range(20)]
    edit_elsewhere(workflow, buildScript="\n".join(lines))
    edit_elsewhere(workflow, buildScript="\n".join([*lines[:15], "other", *lines[16:]]))
    page = visitor.get(f"/workflows/{workflow.id}/history/3").text
    assert page.index("  …") < page.index("line 12") < page.index("+ other")
    assert "line 11" not in page

"""The editor: a draft of a workflow, changed by one form post after the other.

Every post brings what was typed about the part that is open, and may name something to do. So
nothing typed is lost by opening another part, and it all works without a script.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints import editor_form, pages
from blueprints.forms import Form, read_form, saved
from blueprints.guards import current_actor, load_draft, load_project, load_workflow
from blueprints.schemas import Schema
from domain import drafts, edits, ingredients, merging, projects
from domain.access import SUPER_USER
from domain.drafts import Overtaken, Present
from domain.errors import Conflict, Invalid, StaleRevision
from domain.faults import pointer
from domain.models import Draft
from domain.paging import Page
from domain.texts import Name, Slug

bp = Blueprint("editor", __name__)

PICKS = 200
"""How many ingredients, suites and environments a field offers."""
KINDS = ("Build", "Test", "Deploy")
NO_PART = ""
"""The workflow itself."""
CHOICES = ("yours", "base", "theirs")


# ---- beginning -------------------------------------------------------------------------------


class NewDraft(Schema):
    project_id: Slug
    name: Name


@bp.get("/workflows/new")
def new_page() -> ResponseReturnValue:
    return _new_page(Form())


@bp.post("/workflows/new")
def begin() -> ResponseReturnValue:
    def save() -> ResponseReturnValue:
        body = read_form(NewDraft)
        project = load_project(body.project_id, SUPER_USER)
        return redirect(f"/drafts/{drafts.begin(current_actor(), project, body.name).id}", 303)

    return saved(save, _new_page)


def _new_page(form: Form) -> str:
    actor = current_actor()
    rows, _ = projects.list_projects(actor, Page(1, PICKS))
    mine = [row.id for row in rows if actor.may(SUPER_USER, row.id)]
    return render_template("editor/new.html", form=form, projects=mine, drafts=_unsaved())


def _unsaved() -> list[Present]:
    return [draft for draft in drafts.unsaved(current_actor()) if draft.draft.workflow_id is None]


@bp.get("/workflows/<workflow_id>/edit")
def edit(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    return redirect(f"/drafts/{drafts.take_up(current_actor(), workflow).id}")


# ---- the draft -------------------------------------------------------------------------------


@bp.get("/drafts/<draft_id>")
def show(draft_id: str) -> ResponseReturnValue:
    return _page(drafts.present(load_draft(draft_id)), request.args.get("part", NO_PART))


@bp.post("/drafts/<draft_id>")
def change(draft_id: str) -> ResponseReturnValue:
    """Take what was typed, then do what the pressed button says."""
    draft = load_draft(draft_id)
    part = request.form.get("part", NO_PART)
    draft = _take_typed(draft, part)
    act, _, rest = request.form.get("do", "").partition(":")
    draft, part = _do(draft, part, act, rest)
    if not pages.is_partial():
        return redirect(f"/drafts/{draft.id}?part={part}#part", 303)
    template = "editor/_editor.html" if act else "editor/_typed.html"
    return _page(drafts.present(draft), part, template)


def _take_typed(draft: Draft, part: str) -> Draft:
    definition = drafts.present(draft).definition
    try:
        before = edits.find(definition, part)[2] if part else definition
    except edits.NoSuchPartError:
        return draft  # another tab has taken it away
    if "name" not in request.form:
        return draft
    if part == NO_PART:
        fields = editor_form.of_workflow(request.form)
    elif "steps" in before:
        fields = editor_form.of_stage(request.form)
    else:
        fields = editor_form.of_step(request.form, before)
    name = fields["name"] or "a part without a name"
    return drafts.change(
        draft,
        lambda present: edits.fill_in(present, part, fields)[0],
        f"changed {name}",
        topic=part or "workflow",
    )


ACTS: Mapping[str, tuple[Callable[..., tuple[edits.Draft, str]], str]] = {
    "add_stage": (lambda draft, after: edits.add_stage(draft, after or None), "added a stage"),
    "add_step": (edits.add_step, "added a {} step"),
    "copy": (edits.copy, "made a copy"),
    "remove": (edits.remove, "removed a part"),
    "move": (edits.move, "moved {}"),
    "place": (lambda draft, *to: edits.place(draft, to[0], to[1], int(to[2])), "moved a part"),
    "add_parameter": (lambda draft, _: edits.add_parameter(draft), "added a parameter"),
    "remove_parameter": (
        lambda draft, number: edits.remove_parameter(draft, int(number)),
        "removed a parameter",
    ),
}
"""What a button can ask for: the edit, and how it is told, for undo and who does not see it."""


def _do(draft: Draft, part: str, act: str, rest: str) -> tuple[Draft, str]:
    """The draft afterwards, and the part that is open then."""
    if act == "select":
        return draft, rest
    if act in ("undo", "redo"):
        return (drafts.undo if act == "undo" else drafts.redo)(draft), part
    if act not in ACTS:
        return draft, part
    make, told = ACTS[act]
    arguments = rest.split(":")
    opened = [part]

    def edit(present: edits.Draft) -> edits.Draft:
        changed, opened[0] = make(present, *arguments)
        return changed

    try:
        draft = drafts.change(draft, edit, told.format(arguments[-1]))
    except (edits.NoSuchPartError, KeyError, ValueError, TypeError, IndexError):
        return draft, part  # of a page that is older than the draft
    return draft, opened[0]


# ---- saving ----------------------------------------------------------------------------------


@bp.post("/drafts/<draft_id>/save")
def save(draft_id: str) -> ResponseReturnValue:
    """To the workflow; or the editor again, with what is in the way."""
    draft = _take_typed(load_draft(draft_id), request.form.get("part", NO_PART))
    now_is = drafts.present(draft)
    if (found := drafts.overtaken(now_is)) is not None:
        if found.merged.conflicts:
            return pages.lead_to(f"/drafts/{draft.id}/conflicts")
        now_is = drafts.present(drafts.rebase(draft, found.merged.definition, found.revision))
        flash(f"Revision {found.revision} was saved meanwhile. What it changes is kept.", "info")
    comment = request.form.get("comment", "").strip()[:1000]
    try:
        made = drafts.save(now_is, current_actor(), comment)
    except StaleRevision:
        return save(draft_id)  # somebody was faster once more
    except (Invalid, Conflict) as error:
        faults = error.details
        part = request.form.get("part", NO_PART)
        template = "editor/_editor.html" if pages.is_partial() else "editor/edit.html"
        return _page(now_is, part, template, refused=faults), error.status
    flash(f"{made.workflow.name} is saved as revision {made.workflow.revision}.", "good")
    return pages.lead_to(f"/workflows/{made.workflow.id}")


@bp.get("/drafts/<draft_id>/conflicts")
def conflicts(draft_id: str) -> ResponseReturnValue:
    """What somebody else saved meanwhile and overlaps, to choose from field by field."""
    draft = load_draft(draft_id)
    found = drafts.overtaken(drafts.present(draft))
    if found is None or not found.merged.conflicts:
        return redirect(f"/drafts/{draft.id}", 303)
    return _conflicts_page(draft, found)


@bp.post("/drafts/<draft_id>/conflicts")
def settle(draft_id: str) -> ResponseReturnValue:
    """Take what was chosen, and save it; the editor again if something else is in the way."""
    draft = load_draft(draft_id)
    found = drafts.overtaken(drafts.present(draft))
    if found is None:
        return redirect(f"/drafts/{draft.id}", 303)
    keys = [conflict.key for conflict in found.merged.conflicts]
    chosen = {key: request.form.get(f"conflict.{key}", "") for key in keys}
    is_of_page = request.form.get("revision") == str(found.revision)
    if not is_of_page or any(choice not in CHOICES for choice in chosen.values()):
        return _conflicts_page(draft, found, chosen), 422
    drafts.rebase(draft, merging.settle(found.merged, chosen), found.revision)
    return save(draft_id)


def _conflicts_page(draft: Draft, found: Overtaken, chosen: Mapping[str, str] | None = None) -> str:
    """chosen: None before anything was sent."""
    return render_template(
        "editor/conflicts.html",
        draft=draft,
        workflow=load_workflow(draft.workflow_id, SUPER_USER),
        revision=found.revision,
        conflicts=found.merged.conflicts,
        chosen=chosen or {},
        is_missing=chosen is not None,
    )


@bp.post("/drafts/<draft_id>/discard")
def discard(draft_id: str) -> ResponseReturnValue:
    draft = load_draft(draft_id)
    drafts.discard(draft)
    flash("The draft is gone.", "good")
    workflow = draft.workflow_id
    return redirect(f"/workflows/{workflow}" if workflow else "/workflows", 303)


# ---- the page --------------------------------------------------------------------------------


def _page(
    now_is: Present,
    part: str,
    template: str = "editor/edit.html",
    *,
    refused: Any = (),
) -> str:
    definition = now_is.definition
    found = drafts.check(now_is)
    try:
        path = edits.path_of(definition, part) if part else ()
    except edits.NoSuchPartError:
        part, path = NO_PART, ()
    of = {pointer(edits.path_of(definition, part["id"])): part["id"] for part in _parts(definition)}
    faults = _of_parts([*(fault.as_dict() for fault in found.errors), *refused], of)
    warnings = _of_parts([fault.as_dict() for fault in found.warnings], of)
    return render_template(
        template,
        draft=now_is.draft,
        workflow=definition,
        part=part,
        opened=edits.find(definition, part)[2] if part else definition,
        is_stage=len(path) == 2,
        at=pointer(path),
        faults=faults,
        warnings=warnings,
        faulty={fault["part"] for fault in faults},
        names={part["id"]: part["name"] for part in _parts(definition)},
        plan=found.steps,
        undoes=now_is.undoes,
        redoes=now_is.redoes,
        said=now_is.said,
        picks=_picks(now_is.draft.project_id),
        kinds=KINDS,
        roles=editor_form.ROLES,
    )


def _of_parts(faults: list[dict[str, Any]], of: dict[str, str]) -> list[dict[str, Any]]:
    """Each once, with the part that it is about. of: pointer → part."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for fault in faults:
        at = fault["field"]
        while at and at not in of:
            at = at.rpartition("/")[0]
        seen.setdefault((fault["field"], fault["message"]), {**fault, "part": of.get(at, NO_PART)})
    return list(seen.values())


def _parts(definition: edits.Draft) -> list[edits.Part]:
    return [part for stage in definition["stages"] for part in (stage, *stage["steps"])]


def _picks(project_id: str) -> dict[str, list[str]]:
    """What the fields offer."""
    project, page = load_project(project_id), Page(1, PICKS)
    made, _ = ingredients.list_ingredients(current_actor(), page, project_id)
    suites, _ = projects.list_test_suites(project, page)
    places, _ = projects.list_environments(project, page)
    return {
        "ingredients": [row.id for row in made],
        "suites": [row.name for row in suites],
        "environments": [row.name for row in places],
    }

"""The editor: a draft of a workflow, changed by one form post after the other.

Every post brings what was typed about the part that is open, and may name something to do. So
nothing typed is lost by opening another part, and it all works without a script.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.editor import create_missing
from blueprints.editor import form as editor_form
from blueprints.editor.page import NO_PART, PICKS, comment_typed, editor_page, lack_of
from blueprints.requests.base import Schema
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_draft, load_project, load_workflow
from domain.accounts.access import SUPER_USER
from domain.definitions import merge
from domain.editor import commands, drafts, operations
from domain.editor.commands import NoSuchActError
from domain.editor.drafts import Overtaken, Present
from domain.errors import Conflict, FieldError, Invalid, StaleRevision
from domain.models import Draft
from domain.pagination import Page
from domain.projects import projects
from domain.validation.fields import Name, Slug

bp = Blueprint("editor", __name__)

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
    return editor_page(drafts.present(load_draft(draft_id)), request.args.get("part", NO_PART))


@bp.post("/drafts/<draft_id>")
def change(draft_id: str) -> ResponseReturnValue:
    """Take what was typed, then do what the pressed button says."""
    draft = load_draft(draft_id)
    part = request.form.get("part", NO_PART)
    draft = _take_typed(draft, part)
    act, _, rest = request.form.get("do", "").partition(":")
    if act == "create":
        return _create(draft, part)
    draft, part, told = _do(draft, part, act, rest)
    if not pages.is_partial():
        return _back_to(draft, part)
    template = "editor/_editor.html" if act else "editor/_typed.html"
    return editor_page(drafts.present(draft), part, template, told=told)


def _take_typed(draft: Draft, part: str) -> Draft:
    definition = drafts.present(draft).definition
    try:
        before = operations.find(definition, part)[2] if part else definition
    except operations.NoSuchPartError:
        return draft  # another tab has taken it away
    if "name" not in request.form:
        return draft
    making: dict[str, str] = {}
    if part == NO_PART:
        fields = editor_form.of_workflow(request.form)
    elif "steps" in before:
        fields = editor_form.of_stage(request.form)
    else:
        fields = editor_form.of_step(request.form, before)
        making = create_missing.typed(before["type"])
    told = f"changed {fields['name'] or 'a part without a name'}"

    def edit(present: operations.Draft) -> tuple[operations.Draft, str]:
        filled, _ = operations.fill_in(present, part, fields)
        return (operations.note(filled, part, making)[0] if making else filled), told

    return drafts.change(draft, edit, topic=part or "workflow")


def _do(draft: Draft, part: str, act: str, rest: str) -> tuple[Draft, str, str]:
    """The draft afterwards, the part that is open then, and what was done, in words."""
    if act == "select":
        return draft, rest, commands.opened(drafts.present(draft).definition, rest)
    if act == "undo":
        return drafts.undo(draft), part, _told("undone", drafts.present(draft).undoes)
    if act == "redo":
        return drafts.redo(draft), part, _told("redone", drafts.present(draft).redoes)
    done: list[commands.Done] = []

    def edit(present: operations.Draft) -> tuple[operations.Draft, str]:
        done[:] = [commands.perform(present, act, *rest.split(":"))]
        return done[0].draft, done[0].told

    try:
        draft = drafts.change(draft, edit)
    except NoSuchActError:
        return draft, part, ""  # of a page that is older than the draft
    return draft, done[0].opened, done[0].told


def _back_to(draft: Draft, part: str) -> ResponseReturnValue:
    """The page anew, without a script: with the comment, which is nothing of the draft."""
    return redirect(f"/drafts/{draft.id}?{_query(part=part, comment=comment_typed())}#part", 303)


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def _forget_making(draft: Draft, step: operations.Part) -> Draft:
    """What was made stays: undo has only what was typed to take back."""
    told = f"changed {commands.called(step)}"
    part = step["id"]
    return drafts.change(
        draft, lambda present: (operations.note(present, part, {})[0], told), topic=part
    )


def _told(done: str, what: str | None) -> str:
    return f"{done}: {what}" if what else ""


def _create(draft: Draft, part: str) -> ResponseReturnValue:
    """Make what the open step names and the project lacks; or say what is wrong, beside it."""
    now_is, project = drafts.present(draft), load_project(draft.project_id, SUPER_USER)
    lack = lack_of(now_is, part)
    told = ""
    if lack is not None:
        try:
            create_missing.make(project, lack)
        except (Invalid, Conflict) as error:
            refused = replace(lack, errors=error.details)
            template = "editor/_editor.html" if pages.is_partial() else "editor/edit.html"
            return editor_page(now_is, part, template, lack=refused), error.status
        told = f"The {lack.kind.noun} {lack.name} is made."
        draft = _forget_making(draft, operations.find(now_is.definition, part)[2])
    if not pages.is_partial():
        if told:
            flash(told, "good")
        return _back_to(draft, part)
    return editor_page(drafts.present(draft), part, "editor/_editor.html", told=told)


# ---- saving ----------------------------------------------------------------------------------


@bp.post("/drafts/<draft_id>/save")
def save(draft_id: str) -> ResponseReturnValue:
    """To the workflow; or the editor again, with what is in the way."""
    draft = _take_typed(load_draft(draft_id), request.form.get("part", NO_PART))
    now_is = drafts.present(draft)
    if (found := drafts.overtaken(now_is)) is not None:
        if found.merged.conflicts:
            query = _query(comment=comment_typed())
            return pages.lead_to(f"/drafts/{draft.id}/conflicts?{query}")
        now_is = drafts.present(drafts.rebase(draft, found.merged.definition, found.revision))
        flash(f"Revision {found.revision} was saved meanwhile. What it changes is kept.", "info")
    try:
        made = drafts.save(now_is, current_actor(), comment_typed().strip())
    except StaleRevision:
        return save(draft_id)  # somebody was faster once more
    except (Invalid, Conflict) as error:
        faults = error.details or [FieldError("", error.code, error.message).as_dict()]
        part = request.form.get("part", NO_PART)
        template = "editor/_editor.html" if pages.is_partial() else "editor/edit.html"
        return editor_page(now_is, part, template, refused=faults), error.status
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
    drafts.rebase(draft, merge.settle(found.merged, chosen), found.revision)
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
        comment=comment_typed(),
    )


@bp.post("/drafts/<draft_id>/discard")
def discard(draft_id: str) -> ResponseReturnValue:
    draft = load_draft(draft_id)
    drafts.discard(draft)
    flash("The draft is gone.", "good")
    workflow = draft.workflow_id
    return redirect(f"/workflows/{workflow}" if workflow else "/workflows", 303)

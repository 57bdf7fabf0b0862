"""The editor: forms that change a draft of a workflow.

Every post carries the fields of the open part and may name a command. So no input gets lost when
another part is opened, and the editor works without a script.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.editor.create_missing import missing_of
from blueprints.editor.page import editor_page
from blueprints.editor.session import EditorSession
from blueprints.requests.base import Schema
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_project, load_workflow
from domain.accounts.access import SUPER_USER
from domain.definitions import merge
from domain.editor import commands, drafts, operations
from domain.editor.drafts import Overtaken
from domain.errors import Conflict, Invalid, StaleRevision
from domain.pagination import Page
from domain.projects import projects
from domain.validation.fields import Name, Slug

bp = Blueprint("editor", __name__)

CHOICES = ("yours", "base", "theirs")
MAX_PROJECTS = 200
"""Projects that a new workflow can choose from."""


# ---- creating --------------------------------------------------------------------------------


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
    rows, _ = projects.list_projects(actor, Page(1, MAX_PROJECTS))
    own = [row.id for row in rows if actor.may(SUPER_USER, row.id)]
    states = drafts.of_new_workflows(actor)
    return render_template("editor/new.html", form=form, projects=own, states=states)


@bp.get("/workflows/<workflow_id>/edit")
def edit(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    return redirect(f"/drafts/{drafts.take_up(current_actor(), workflow).id}")


# ---- the draft -------------------------------------------------------------------------------


@bp.get("/drafts/<draft_id>")
def show(draft_id: str) -> ResponseReturnValue:
    return editor_page(EditorSession(draft_id))


@bp.post("/drafts/<draft_id>")
def change(draft_id: str) -> ResponseReturnValue:
    """Store what was typed, then execute the command of the pressed button."""
    session = EditorSession(draft_id)
    command, _, argument = request.form.get("do", "").partition(":")
    session.edit(command, argument)
    if command == "create":
        return _create(session)
    if not pages.is_partial():
        return _back_to(session)
    return editor_page(session, "" if command else "editor/_typed.html")


def _create(session: EditorSession) -> ResponseReturnValue:
    """Create the missing thing that the open step names, or show the errors beside it."""
    step = session.opened
    if missing := missing_of(session.project, session.present.definition, step):
        try:
            missing.kind.create(session.project, missing.name, missing.value)
        except (Invalid, Conflict) as error:
            return editor_page(session, missing=replace(missing, errors=error.errors)), error.status
        with session.editing() as editing:  # it stays, so undo reverts only what was typed
            forgotten, part = operations.forget_creating(editing.present.definition, session.part)
            editing.change(forgotten, f"changed {commands.called(step)}", topic=part)
        session.message = f"The {missing.kind.noun} {missing.name} was created."
    if pages.is_partial():
        return editor_page(session)
    if session.message:
        flash(session.message, "good")
    return _back_to(session)


def _back_to(session: EditorSession) -> ResponseReturnValue:
    """Redirect to the page, for browsers without a script."""
    query = _query(part=session.part, comment=session.comment)
    return redirect(f"/drafts/{session.draft.id}?{query}#part", 303)


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})


# ---- saving ----------------------------------------------------------------------------------


@bp.post("/drafts/<draft_id>/save")
def save(draft_id: str) -> ResponseReturnValue:
    """Save the workflow, or show the editor again with the errors."""
    session = EditorSession(draft_id)
    session.edit()
    return _save(session)


def _save(session: EditorSession) -> ResponseReturnValue:
    if (found := drafts.overtaken(session.present)) is not None:
        if found.merged.conflicts:
            query = _query(comment=session.comment)
            return pages.lead_to(f"/drafts/{session.draft.id}/conflicts?{query}")
        with session.editing() as editing:
            editing.rebase(found.merged.definition, found.revision)
        flash(f"Merged with revision {found.revision}, which was saved meanwhile.", "info")
    try:
        detail = drafts.save(session.present, session.actor, session.comment.strip())
    except StaleRevision:
        return _save(session)  # overtaken once more
    except (Invalid, Conflict) as error:
        return editor_page(session, refused=error.field_errors()), error.status
    workflow = detail.workflow
    flash(f"{workflow.name} was saved as revision {workflow.revision}.", "good")
    return pages.lead_to(f"/workflows/{workflow.id}")


@bp.get("/drafts/<draft_id>/conflicts")
def conflicts(draft_id: str) -> ResponseReturnValue:
    """Show the conflicts with a revision that was saved meanwhile, to choose field by field."""
    session = EditorSession(draft_id)
    found = drafts.overtaken(session.present)
    if found is None or not found.merged.conflicts:
        return redirect(f"/drafts/{draft_id}", 303)
    return _conflicts_page(session, found)


@bp.post("/drafts/<draft_id>/conflicts")
def settle(draft_id: str) -> ResponseReturnValue:
    """Apply the choices and save, or show the editor again with other errors."""
    session = EditorSession(draft_id)
    found = drafts.overtaken(session.present)
    if found is None:
        return redirect(f"/drafts/{draft_id}", 303)
    keys = [conflict.key for conflict in found.merged.conflicts]
    chosen = {key: request.form.get(f"conflict.{key}", "") for key in keys}
    is_of_page = request.form.get("revision") == str(found.revision)
    if not is_of_page or any(choice not in CHOICES for choice in chosen.values()):
        return _conflicts_page(session, found, chosen), 422
    with session.editing() as editing:
        editing.rebase(merge.settle(found.merged, chosen), found.revision)
    return _save(session)


def _conflicts_page(
    session: EditorSession, found: Overtaken, chosen: Mapping[str, str] | None = None
) -> str:
    """Return the page. chosen: None before anything was sent."""
    return render_template(
        "editor/conflicts.html",
        draft=session.draft,
        workflow=load_workflow(session.draft.workflow_id, SUPER_USER),
        revision=found.revision,
        conflicts=found.merged.conflicts,
        chosen=chosen or {},
        is_missing=chosen is not None,
        comment=session.comment,
    )


@bp.post("/drafts/<draft_id>/discard")
def discard(draft_id: str) -> ResponseReturnValue:
    draft = EditorSession(draft_id).draft
    drafts.discard(draft)
    flash("The draft was discarded.", "good")
    workflow = draft.workflow_id
    return redirect(f"/workflows/{workflow}" if workflow else "/workflows", 303)

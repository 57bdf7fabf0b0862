"""Pages of the revisions of a workflow: list, compare, and restore them."""

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from blueprints.requests.base import PageQuery
from blueprints.shared import pages
from blueprints.shared.diff_view import difference
from blueprints.shared.guards import current_actor, load_workflow
from domain.accounts.access import SUPER_USER
from domain.definitions.diff import differences
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.errors import Conflict, Invalid
from domain.pagination import fetch
from domain.workflows import queries as workflow_queries
from domain.workflows import workflows

bp = Blueprint("history", __name__, url_prefix="/workflows/<workflow_id>/history")


class CompareQuery(PageQuery):
    against: int | None = None
    """The revision to compare with; else the one before."""


@bp.get("")
def list_page(workflow_id: str) -> ResponseReturnValue:
    workflow, query = load_workflow(workflow_id), pages.read_query(PageQuery)
    rows, total = fetch(workflow_queries.find_revisions(workflow), query.as_page())
    return render_template(
        "workflows/revisions.html",
        workflow=workflow,
        revisions=pages.listing(rows, total, query),
        may_define=current_actor().may(SUPER_USER, workflow.project_id),
    )


@bp.get("/<int:number>")
def show(workflow_id: str, number: int) -> ResponseReturnValue:
    """Show what changed in a revision, compared with the previous one or any other."""
    workflow, query = load_workflow(workflow_id), pages.read_query(CompareQuery)
    row = workflow_queries.get_revision(workflow, number)
    against = query.against if query.against is not None else number - 1
    other = workflow_queries.get_revision(workflow, against) if against >= 1 else None
    return render_template(
        "workflows/revision.html",
        workflow=workflow,
        revision=row,
        against=other,
        found=[difference(item) for item in differences(other.definition, row.definition)]
        if other
        else [],
        numbers=range(workflow.revision, 0, -1),
        may_define=current_actor().may(SUPER_USER, workflow.project_id),
    )


@bp.post("/<int:number>/restore")
def restore(workflow_id: str, number: int) -> ResponseReturnValue:
    """Save an old revision as the newest; the revisions between stay in the history."""
    workflow = load_workflow(workflow_id, SUPER_USER)
    row = workflow_queries.get_revision(workflow, number)
    changed = parse(row.definition, ChangedWorkflow, project_id=workflow.project_id)
    comment = f"Restored revision {number}."
    try:
        made = workflows.update(workflow, changed, actor=current_actor(), comment=comment)
    except (Conflict, Invalid) as error:
        flash(error.message, "bad")
        return redirect(f"/workflows/{workflow.id}/history", 303)
    flash(f"Revision {number} restored as revision {made.workflow.revision}.", "good")
    return redirect(f"/workflows/{workflow.id}", 303)

"""Pages of workflows: the list, one workflow, and the form that starts a run."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.requests.base import Schema, check
from blueprints.requests.runs import Status
from blueprints.requests.workflows import WorkflowQuery
from blueprints.responses import workflows as answers
from blueprints.responses.runs import run_item
from blueprints.shared import pages, run_control
from blueprints.shared.double_submit import FormId, start_once
from blueprints.shared.guards import current_actor, load_workflow
from blueprints.shared.visible import find_workflows
from blueprints.workflows.start_form import Typed
from domain.accounts.access import SUPER_USER
from domain.errors import Conflict, Invalid
from domain.models import Run, Workflow, new_id
from domain.runs import queries as run_queries
from domain.workflows import queries as workflow_queries
from domain.workflows import statistics, workflows

bp = Blueprint("workflows", __name__, url_prefix="/workflows")

LIST_PACE = "5s"
FILTERS = ("search", "projectId", "isEnabled", "state", "sort", "pageSize")
MARKS = 10
"""Runs of a workflow that the list shows as marks."""
RECENT_RUNS = 20
"""Those that its rate and its usual duration are made of."""
RUNS_SHOWN = 10


class StartForm(Schema):
    """Fields of the start form besides the parameters, which `Typed` reads."""

    form_id: FormId | None = None


# ---- the list --------------------------------------------------------------------------------


class ListQuery(WorkflowQuery):
    state: Status | None = None
    """Status of the last run of a workflow."""
    deleted: str | None = None
    """The workflow that was deleted just now, to offer to take that back."""


@dataclass(frozen=True)
class _Listing:
    """A page of the list as rows; rendering is the expensive part."""

    query: ListQuery
    found: Any
    rows: list[Workflow]
    last: dict[str, Run]
    recent: dict[str, list[Run]]
    runnable: set[str]
    etag: str

    def context(self) -> dict[str, Any]:
        query = self.query
        items = [self._item(row) for row in self.rows]
        return {
            "workflows": pages.listing(items, self.found.count(), query),
            "filters": query,
            "query": pages.filters(*FILTERS),
            "runnable": self.runnable,
            "may_make": current_actor().may_somewhere(SUPER_USER),
            "form_id": new_id(),
            "etag": self.etag,
            "pace": LIST_PACE,
        }

    def _item(self, row: Workflow) -> dict[str, Any]:
        runs = self.recent[row.id]
        return {
            **answers.WorkflowItem.of(row, last_run=self.last.get(row.id)).model_dump(),
            "recentRuns": [
                {"id": run.id, "number": run.number, "status": run.status} for run in runs[:MARKS]
            ],
            **statistics.of_recent(runs),
        }


def _listing() -> _Listing:
    query = pages.read_query(ListQuery)
    found = find_workflows(query, last_status=query.state)
    rows = list(found.paginate(query.page, query.page_size))
    last = workflow_queries.last_runs(rows)
    recent = workflow_queries.recent_runs(rows, RECENT_RUNS)
    actor = current_actor()
    runnable = {row.project_id for row in rows if actor.may(SUPER_USER, row.project_id)}
    looks = [(row.id, row.revision, row.is_enabled, row.run_count) for row in rows]
    shown = [*last.values(), *(run for runs in recent.values() for run in runs)]
    states = sorted((run.id, run.status) for run in shown)
    etag = pages.tag(looks, states, sorted(runnable))
    return _Listing(query, found, rows, last, recent, runnable, etag)


@bp.get("")
def list_page() -> ResponseReturnValue:
    listing = _listing()
    return render_template(
        "workflows/list.html", deleted=_deleted(listing.query.deleted), **listing.context()
    )


def _deleted(workflow_id: str | None) -> Workflow | None:
    """Return the workflow that the user has just deleted and may restore."""
    if workflow_id is None:
        return None
    row = Workflow.get_or_none(Workflow.id == workflow_id, ~Workflow.deleted_at.is_null())
    return row if row and current_actor().may(SUPER_USER, row.project_id) else None


@bp.get("/list")
def list_fragment() -> ResponseReturnValue:
    listing = _listing()
    return pages.unless_known(
        listing.etag, lambda: render_template("workflows/_list.html", **listing.context())
    )


# ---- what is done to one from the list -------------------------------------------------------


@bp.post("/<workflow_id>/enable")
def enable(workflow_id: str) -> ResponseReturnValue:
    return _switch(workflow_id, True, "enabled")


@bp.post("/<workflow_id>/disable")
def disable(workflow_id: str) -> ResponseReturnValue:
    return _switch(workflow_id, False, "disabled")


def _switch(workflow_id: str, is_enabled: bool, sentence: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    workflows.switch(workflow, is_enabled, actor=current_actor())
    flash(f"{workflow.name} {sentence}.", "good")
    return redirect(pages.back_to("/workflows"), 303)


@bp.post("/<workflow_id>/copy")
def copy(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    made = workflows.copy(workflow, actor=current_actor()).workflow
    flash(f"Copied as {made.name}. The copy is disabled until you enable it.", "good")
    return redirect(f"/workflows/{made.id}", 303)


@bp.post("/<workflow_id>/delete")
def delete(workflow_id: str) -> ResponseReturnValue:
    """Delete a workflow and return to the list, which offers to undo it."""
    workflow = load_workflow(workflow_id, SUPER_USER)
    try:
        workflows.delete(workflow, actor=current_actor())
    except Conflict as error:
        flash(error.message, "bad")
        return redirect(pages.back_to("/workflows"), 303)
    return redirect(f"/workflows?projectId={workflow.project_id}&deleted={workflow.id}", 303)


@bp.post("/<workflow_id>/restore")
def restore(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER, is_deleted=True)
    try:
        workflows.restore(workflow, actor=current_actor())
    except Conflict as error:
        flash(error.message, "bad")
        return redirect(f"/workflows?projectId={workflow.project_id}", 303)
    flash(f"{workflow.name} restored.", "good")
    return redirect(f"/workflows/{workflow.id}", 303)


# ---- one workflow ----------------------------------------------------------------------------


@bp.get("/<workflow_id>")
def show(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id)
    shown = answers.workflow(workflow_queries.detail(workflow)).model_dump()
    form = _form_context(workflow, shown)
    return render_template("workflows/show.html", **form, **_history(workflow))


def _form_context(workflow: Workflow, shown: dict[str, Any]) -> dict[str, Any]:
    actor = current_actor()
    return {
        "workflow": shown,
        "may_run": actor.may(SUPER_USER, workflow.project_id),
        "role": actor.role_in(workflow.project_id),
        "base_url": request.host_url.rstrip("/"),
        "form": {},
        "form_id": new_id(),
        "errors": [],
    }


def _history(workflow: Workflow) -> dict[str, Any]:
    newest = list(run_queries.find(workflow_id=workflow.id).newest_first.limit(RUNS_SHOWN))
    return {
        "metadata": statistics.metadata(workflow),
        "runs": [run_item(row).model_dump() for row in run_queries.with_workflows(newest)],
    }


@bp.post("/<workflow_id>/runs")
def start_run(workflow_id: str) -> ResponseReturnValue:
    """Start a run and go to it, or show the form again with its errors.

    The list sends no parameters, so a workflow with required parameters shows its form.
    """
    workflow = load_workflow(workflow_id, SUPER_USER)
    shown = answers.workflow(workflow_queries.detail(workflow)).model_dump()
    if "fromList" in request.form and any(p["required"] for p in shown["parameters"] or ()):
        flash(f"{workflow.name} requires parameters.", "info")
        return redirect(f"/workflows/{workflow.id}#run-form", 303)
    typed = Typed(request.form, shown["parameters"])
    try:
        form = check(StartForm, {"formId": request.form.get("formId")}, strict=False)
        parameters = typed.parameters()
        address = start_once(
            form.form_id,
            sorted(parameters.items()),
            lambda: run_control.start(workflow, parameters, "web"),
        )
    except (Invalid, Conflict) as error:
        return _refused(workflow, shown, typed, error)
    return pages.lead_to(address)


def _refused(
    workflow: Workflow, shown: dict[str, Any], typed: Typed, error: Invalid | Conflict
) -> ResponseReturnValue:
    """Return the form alone for htmx, or the whole page with it."""
    errors = error.field_errors()
    form = _form_context(workflow, shown) | {"form": typed.as_form(), "errors": errors}
    if pages.is_partial():
        return render_template("workflows/_run_form.html", **form), error.status
    return render_template("workflows/show.html", **form, **_history(workflow)), error.status

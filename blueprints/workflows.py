"""The pages of workflows: the list, one workflow, and the form that starts a run."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints import pages, run_actions
from blueprints.api.workflows import WorkflowQuery, find
from blueprints.guards import current_actor, load_workflow
from blueprints.once import FormId, start_once
from blueprints.present import runs as present_runs
from blueprints.present import workflows as present
from blueprints.run_form import Typed
from blueprints.schemas import Schema, check
from domain import run_queries, statistics, workflow_queries
from domain.access import SUPER_USER
from domain.errors import Conflict, Invalid
from domain.models import Run, Workflow, new_id

bp = Blueprint("workflows", __name__, url_prefix="/workflows")

LIST_PACE = "5s"
RUNS_SHOWN = 10


class StartForm(Schema):
    """Besides the parameters, which `Typed` reads."""

    form_id: FormId | None = None


# ---- the list --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listing:
    """A page of the list as rows; rendering it is what costs."""

    query: WorkflowQuery
    found: Any
    rows: list[Workflow]
    last_runs: dict[str, Run]
    runnable: set[str]
    etag: str

    def context(self) -> dict[str, Any]:
        items = [present.item(row, self.last_runs.get(row.id)) for row in self.rows]
        return {
            "workflows": {
                "items": items,
                "totalCount": self.found.count(),
                "page": self.query.page,
                "pageSize": self.query.page_size,
            },
            "search": self.query.search,
            "projectId": self.query.project_id,
            "query": pages.filters("search", "projectId", "isEnabled", "sort", "pageSize"),
            "runnable": self.runnable,
            "form_id": new_id(),
            "etag": self.etag,
            "pace": LIST_PACE,
        }


def _listing() -> _Listing:
    query = pages.read_query(WorkflowQuery)
    found = find(query)
    rows = list(found.paginate(query.page, query.page_size))
    last_runs = workflow_queries.last_runs(rows)
    actor = current_actor()
    runnable = {row.project_id for row in rows if actor.may(SUPER_USER, row.project_id)}
    looks = [(row.id, row.revision, row.is_enabled, row.run_count) for row in rows]
    states = sorted((run.id, run.status) for run in last_runs.values())
    etag = pages.tag(looks, states, sorted(runnable))
    return _Listing(query, found, rows, last_runs, runnable, etag)


@bp.get("")
def list_page() -> ResponseReturnValue:
    return render_template("workflows/list.html", **_listing().context())


@bp.get("/list")
def list_fragment() -> ResponseReturnValue:
    listing = _listing()
    return pages.unless_known(
        listing.etag, lambda: render_template("workflows/_list.html", **listing.context())
    )


# ---- one workflow ----------------------------------------------------------------------------


@bp.get("/<workflow_id>")
def show(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id)
    shown = present.workflow(workflow_queries.detail(workflow))
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
    newest = run_queries.find(workflow_id=workflow.id).limit(RUNS_SHOWN)
    return {
        "metadata": statistics.metadata(workflow),
        "runs": [present_runs.run_item(row) for row in newest],
    }


@bp.post("/<workflow_id>/runs")
def start_run(workflow_id: str) -> ResponseReturnValue:
    """To the new run; or the form again, with what was typed and what is wrong with it."""
    workflow = load_workflow(workflow_id, SUPER_USER)
    shown = present.workflow(workflow_queries.detail(workflow))
    typed = Typed(request.form, shown["parameters"])
    try:
        form = check(StartForm, {"formId": request.form.get("formId")}, strict=False)
        parameters = typed.parameters()
        address = start_once(
            form.form_id,
            sorted(parameters.items()),
            lambda within: run_actions.start(workflow, parameters, "web", within),
        )
    except (Invalid, Conflict) as error:
        return _refused(workflow, shown, typed, error)
    if pages.is_partial():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _refused(
    workflow: Workflow, shown: dict[str, Any], typed: Typed, error: Invalid | Conflict
) -> ResponseReturnValue:
    """Both the form alone, for htmx, and the whole page with it."""
    faults = error.details or [{"field": "", "code": error.code, "message": error.message}]
    form = _form_context(workflow, shown) | {"form": typed.as_form(), "errors": faults}
    if pages.is_partial():
        return render_template("workflows/_run_form.html", **form), error.status
    return render_template("workflows/show.html", **form, **_history(workflow)), error.status

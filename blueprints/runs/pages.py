"""Pages of runs: the list, one run with its pipeline and log, and the board."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints.requests.base import CursorQuery
from blueprints.requests.dates import Day, begin_of, end_of
from blueprints.requests.runs import RunQuery, Status
from blueprints.responses.runs import run_item
from blueprints.runs import log as log_pages
from blueprints.runs import view as run_view
from blueprints.shared import pages
from blueprints.shared.guards import load_run, load_workflow, own_projects
from blueprints.shared.visible import find_runs
from domain.models import Run
from domain.pagination import fetch_after
from domain.runs import queries as run_queries

bp = Blueprint("pipeline", __name__)

LIST_PACE = "5s"
FILTERS = ("status", "workflowId", "projectId", "triggerSource", "since", "until")


class HistoryQuery(CursorQuery):
    """Filters of the API with days instead of times; `until` is inclusive, in UTC."""

    whole: ClassVar[str] = "the query"
    workflow_id: str | None = None
    project_id: str | None = None
    status: list[Status] = Field(default_factory=list)
    trigger_source: str | None = None
    since: Day = None
    until: Day = None

    def wanted(self) -> RunQuery:
        return RunQuery.model_construct(
            workflow_id=self.workflow_id,
            project_id=self.project_id,
            status=self.status,
            trigger_source=self.trigger_source,
            started_after=begin_of(self.since),
            started_before=end_of(self.until),
        )


@dataclass(frozen=True)
class _Listing:
    """A page of the list as rows; counting and rendering are the expensive parts."""

    query: HistoryQuery
    rows: Sequence[Run]
    total: int
    cursor: str | None
    etag: str

    def context(self) -> dict[str, Any]:
        query = self.query
        stages = run_queries.stages_of(self.rows)
        items = [
            run_item(row).model_dump()
            | {"stages": [(item.name, item.status) for item in stages.get(row.id, [])]}
            for row in self.rows
        ]
        return {
            "runs": pages.unbounded(items, self.total, query, self.cursor),
            "filters": {name: request.args.get(name) for name in FILTERS},
            "query": pages.filters(*FILTERS, "pageSize"),
            "etag": self.etag,
            # Older pages do not change.
            "pace": LIST_PACE if query.cursor is None else None,
        }


def _listing() -> _Listing:
    query = pages.read_query(HistoryQuery)
    found = find_runs(query.wanted())
    rows, total, cursor = fetch_after(
        found.newest_first, Run.id, query.as_page(), query.cursor, counted=found.all
    )
    shown = run_queries.with_workflows(rows)
    etag = pages.tag([(row.id, row.version, row.workflow.name) for row in shown], total)
    return _Listing(query, shown, total, cursor, etag)


@bp.get("/runs")
def list_page() -> ResponseReturnValue:
    listing = _listing()
    of = listing.query.workflow_id
    workflow = load_workflow(of) if of else None
    return render_template(
        "runs/list.html", workflow=workflow, projects=own_projects(), **listing.context()
    )


@bp.get("/runs/list")
def list_fragment() -> ResponseReturnValue:
    listing = _listing()
    return pages.unless_known(
        listing.etag, lambda: render_template("runs/_list.html", **listing.context())
    )


@bp.get("/runs/<run_id>")
def show(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id)
    view = run_view.read()
    shown = run_view.picture(row, view, run_view.tag(row, view))
    older, newer = run_queries.neighbours(row)
    page = render_template(
        "runs/show.html", older=older, newer=newer, is_chosen=bool(view.step), **shown
    )
    return run_view.keep(make_response(page))


@bp.get("/runs/<run_id>/status")
def status(run_id: str) -> ResponseReturnValue:
    """Return the polled part of the run page. `shown` is the STEP.ATTEMPT of the log on the page.

    X-Log-Size is the size of that log in bytes, even if nothing else has changed.
    """
    row = load_run(run_id)
    view = run_view.read()
    etag = run_view.tag(row, view)
    shown = request.args.get("shown", "")
    # Before the picture is looked at, so that what comes in between is not missed.
    log_size = log_pages.size_now(row, shown)
    response = pages.unless_known(
        etag,
        lambda: render_template(
            "runs/_run.html", shown=shown, **run_view.picture(row, view, etag, shown)
        ),
    )
    if log_size is not None:
        response.headers["X-Log-Size"] = str(log_size)
    return response


@bp.get("/workflows/<workflow_id>/latest")
def board(workflow_id: str) -> ResponseReturnValue:
    """Show the newest run of a workflow on a wall display, without controls."""
    return render_template("workflows/board.html", **_board(workflow_id))


@bp.get("/workflows/<workflow_id>/latest/status")
def board_status(workflow_id: str) -> ResponseReturnValue:
    shown = _board(workflow_id)
    return pages.unless_known(
        shown["etag"], lambda: render_template("workflows/_board.html", **shown)
    )


def _board(workflow_id: str) -> dict[str, Any]:
    workflow = load_workflow(workflow_id)
    row = run_queries.newest_of(workflow)
    context: dict[str, Any] = {"workflow": workflow, "board_pace": run_view.PACE, "run": None}
    if row is None:
        return {**context, "etag": pages.tag(workflow.revision, workflow.name)}
    etag = run_view.tag(row, None)
    return {**context, **run_view.overview(row), "etag": etag}

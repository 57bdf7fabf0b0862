"""The pages of runs: the history, one run with its pipeline and log, and stopping it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints import pages, run_actions, settings
from blueprints.api.runs import find
from blueprints.guards import current_actor, load_run, load_workflow
from blueprints.once import FormId, start_once
from blueprints.pages_support import default_step, steps_of
from blueprints.present import runs as present
from blueprints.run_schemas import LogQuery, Outcome, Rerun, RunQuery
from blueprints.schemas import Schema, check
from domain import logs, outside, paging, results, run_logs, run_queries, runs
from domain.access import SUPER_USER
from domain.errors import NotFound
from domain.models import Run, StepRun, new_id
from domain.run_queries import Details
from domain.statuses import RUNNING

bp = Blueprint("pipeline", __name__, url_prefix="/runs")

LIST_PACE = "5s"
LOG_PACE = "1s"
PACE, SLOW_PACE = "1s", "3s"
SLOW_REASONS = {"approval", "outside_completion", "concurrency_limit", "no_worker", "disk_full"}
"""What ends these takes minutes: a person, another run."""
FAILURES_SHOWN = 20


class RunView(Schema):
    whole: ClassVar[str] = "the query"
    step: str | None = None
    attempt: int | None = Field(None, ge=1, le=1000)

    def choice(self) -> str:
        """As a query; "" leaves the choice to us."""
        return urlencode(self.model_dump(exclude_none=True)) if self.step else ""


class RerunForm(Rerun):
    form_id: FormId | None = None


# ---- the history -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listing:
    """A page of the history as rows; counting and rendering are what costs."""

    query: RunQuery
    found: run_queries.Found
    rows: Sequence[Run]
    etag: str

    def context(self) -> dict[str, Any]:
        query = self.query
        items = [present.run_item(row) for row in self.rows]
        return {
            "runs": pages.listing(items, paging.count(self.found.all), query, is_unbounded=True),
            "filters": {
                "status": query.status[0] if query.status else "",
                "workflowId": query.workflow_id,
                "projectId": query.project_id,
            },
            "query": pages.filters("status", "workflowId", "projectId", "pageSize"),
            "etag": self.etag,
            "pace": LIST_PACE,
        }


def _listing() -> _Listing:
    query = pages.read_query(RunQuery)
    found = find(query)
    rows = run_queries.with_workflows(
        list(found.newest_first.paginate(query.page, query.page_size))
    )
    etag = pages.tag([(row.id, row.version, row.workflow.name) for row in rows])
    return _Listing(query, found, rows, etag)


@bp.get("")
def list_page() -> ResponseReturnValue:
    listing = _listing()
    of = listing.query.workflow_id
    workflow = load_workflow(of) if of else None
    return render_template("pipeline/list.html", workflow=workflow, **listing.context())


@bp.get("/list")
def list_fragment() -> ResponseReturnValue:
    listing = _listing()
    return pages.unless_known(
        listing.etag, lambda: render_template("pipeline/_list.html", **listing.context())
    )


# ---- one run ---------------------------------------------------------------------------------


@bp.get("/<run_id>")
def show(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id)
    view = pages.read_query(RunView)
    etag = _tag(row, view)
    return render_template("pipeline/show.html", **_picture(row, view, etag))


@bp.get("/<run_id>/status")
def status(run_id: str) -> ResponseReturnValue:
    """The polled part. `shown` is STEP.ATTEMPT, whose log the page has now."""
    row = load_run(run_id)
    view = pages.read_query(RunView)
    etag = _tag(row, view)
    shown = request.args.get("shown", "")
    return pages.unless_known(
        etag,
        lambda: render_template(
            "pipeline/_run.html", shown=shown, **_picture(row, view, etag, shown)
        ),
    )


def _tag(row: Run, view: RunView) -> str:
    """Known before anything else of the run is read, so it never promises more than is shown."""
    role = current_actor().role_in(row.project_id)
    return pages.tag(run_actions.version_of(row), view, role)


def _picture(row: Run, view: RunView, etag: str, shown: str | None = None) -> dict[str, Any]:
    """All that the run's templates want; the log only if it is not what is `shown` already."""
    details = run_actions.look_at(row)
    run = present.run(details)
    picture: dict[str, Any] = {
        "run": run,
        "step": None,
        "choice": view.choice(),
        "may_run": current_actor().may(SUPER_USER, row.project_id),
        "form_id": new_id(),
        "may_decide": {s.id for s in details.stages if runs.may_decide(row, s, current_actor())},
        "etag": etag,
        "pace": _pace(details),
        "log_pace": LOG_PACE,
    }
    step = _chosen_step(run, view.step)
    if step is None:
        return picture
    step_row = next(item for item in details.steps if item.id == step["id"])
    attempt = picture["attempt"] = _chosen_attempt(step, step_row, view)
    if shown != f"{step_row.id}.{attempt}":
        picture["log"] = _end_of_log(step_row, attempt)
    failures = results.failures(step_row, FAILURES_SHOWN) if step["tests"] else []
    picture["step"] = {**step, "failedTests": [present.test(item) for item in failures]}
    return picture


def _pace(details: Details) -> str | None:
    """How often to ask; None when the run has ended and nothing will change any more."""
    if details.run.completed_at is not None:
        return None
    if any(step.status == RUNNING for step in details.steps):
        return PACE
    reasons = {reason["code"] for reason in details.reasons}
    return SLOW_PACE if reasons & SLOW_REASONS else PACE


def _chosen_step(run: Mapping[str, Any], step_id: str | None) -> Mapping[str, Any] | None:
    if step_id is None:
        return default_step(run)
    for step in steps_of(run):
        if step["id"] == step_id:
            return step
    raise NotFound("This run has no such step.")


def _chosen_attempt(step: Mapping[str, Any], row: StepRun, view: RunView) -> int:
    """The attempt whose log is shown; 0 for a step that has not started.

    Of a step that a rerun kept, one of the step that really ran; 0 if that is gone.
    """
    chosen = view.attempt if view.step else None
    if row.kept_from is not None:
        is_gone = run_queries.really_ran(row) is row
        return 0 if is_gone else run_logs.of_step(settings().data_dir, row, chosen).attempt
    if chosen is None:
        return step["attempt"] if step["startedAt"] else 0
    if all(item["attempt"] != chosen for item in step["attempts"]):
        raise NotFound("This step has no such attempt.")
    return chosen


# ---- logs ------------------------------------------------------------------------------------


def _end_of_log(step: StepRun, attempt: int) -> dict[str, Any]:
    if attempt == 0:
        return {"text": "", "start": 0, "end": 0, "complete": False}
    found = run_logs.of_step(settings().data_dir, step, attempt)
    data, start, end = logs.read_end(found.path, complete=found.is_over)
    return {"text": _text(data), "start": start, "end": end, "complete": found.is_over}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@bp.get("/<run_id>/steps/<step_run_id>/log")
def log(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """What an attempt's log has grown by since byte `offset`; 204 while that is nothing."""
    row = load_run(run_id)
    step = run_queries.get_step(row, step_run_id)
    query = pages.read_query(LogQuery)
    found = run_logs.of_step(settings().data_dir, step, query.attempt)
    data, end = logs.read_log(found.path, query.offset or 0, complete=found.is_over)
    is_complete = found.is_over and len(data) < logs.READ_BYTES
    if not data and not is_complete:
        return Response(status=204)
    return render_template(
        "pipeline/_log.html",
        run={"id": row.id},
        step={"id": step.id},
        attempt=found.attempt,
        log={"text": _text(data), "end": end, "complete": is_complete},
        log_pace=LOG_PACE,
    )


# ---- changes ---------------------------------------------------------------------------------


@bp.post("/<run_id>/abort")
def abort(run_id: str) -> ResponseReturnValue:
    """One that has ended meanwhile is no error: the page says how it stands."""
    run_actions.stop(load_run(run_id, SUPER_USER))
    return redirect(f"/runs/{run_id}", 303)


@bp.post("/<run_id>/rerun")
def rerun(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)
    names = ("from", "definition", "formId")
    chosen = {name: request.form[name] for name in names if name in request.form}
    form = check(RerunForm, chosen, strict=False)
    choice = (form.whence, form.definition)
    address = start_once(form.form_id, choice, lambda within: run_actions.rerun(row, form, within))
    return redirect(address, 303)


@bp.post("/<run_id>/steps/<step_run_id>/outcome")
def answer_outcome(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Say whether a deployment happened whose worker was lost; to its step, which then says so."""
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    form = check(Outcome, {"happened": request.form.get("happened")}, strict=False)
    outside.answer(step, happened=form.happened, comment="", actor=current_actor())
    return redirect(f"/runs/{run_id}?step={step.id}#step", 303)


@bp.post("/<run_id>/stages/<stage_run_id>/approve")
def approve(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "approved")


@bp.post("/<run_id>/stages/<stage_run_id>/reject")
def reject(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "rejected")


def _decide(run_id: str, stage_run_id: str, decision: str) -> ResponseReturnValue:
    run_actions.decide(run_queries.get_stage(load_run(run_id), stage_run_id), decision)
    return redirect(f"/runs/{run_id}", 303)

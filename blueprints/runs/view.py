"""State of the run page: the selected step, the view, and the polling pace."""

from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from flask import Response, request
from pydantic import Field

from blueprints.requests.base import Schema
from blueprints.responses import projects, test_results
from blueprints.responses import runs as answers
from blueprints.runs import log as log_pages
from blueprints.runs import timeline_view
from blueprints.shared import pages, run_control
from blueprints.shared.context import keys, settings
from blueprints.shared.guards import current_actor
from blueprints.shared.run_summary import steps_of
from blueprints.shared.template_helpers import default_step
from domain.accounts.access import SUPER_USER
from domain.clock import now
from domain.comparison import compare as run_comparison
from domain.errors import NotFound
from domain.logs import run_logs
from domain.models import Deployment, Run, StepRun
from domain.models.run_facts import origin_of, runs_by_id
from domain.releases import deployments as release_deployments
from domain.runs import approvals, durations, external_completion, timeline
from domain.runs.queries import Details
from domain.runs.timeline import Timeline
from domain.statuses import FAILED, PENDING, RUNNING
from domain.test_results import results

PACE, SLOW_PACE = "1s", "3s"
SLOW_REASONS = {"approval", "outside_completion", "concurrency_limit", "no_worker", "disk_full"}
"""Waits that typically last minutes, so poll slowly."""
FAILURES_SHOWN = 20

VIEWS = ("picture", "table", "timeline")
VIEW_COOKIE = "run_view"
VIEW_DAYS = 365


class RunView(Schema):
    whole: ClassVar[str] = "the query"
    step: str | None = None
    named: str | None = Field(None, max_length=200)
    """A step by its name, which is the same in other runs; else, or without it, ours to choose."""
    attempt: int | None = Field(None, ge=1, le=1000)
    view: Literal["picture", "table", "timeline"] | None = None

    def choice(self) -> str:
        """As a query; without a step, that is ours to choose."""
        return urlencode(self.model_dump(exclude_none=True))


def read() -> RunView:
    """Read the selection from the address, and the view from the address or the cookie."""
    query = pages.read_query(RunView)
    if not query.step:
        query = query.model_copy(update={"attempt": None})
    kept = request.cookies.get(VIEW_COOKIE)
    if query.view is None and kept in VIEWS:
        query = query.model_copy(update={"view": kept})
    return query


def keep(response: Response) -> Response:
    """Store the requested view in a cookie, for all runs."""
    chosen = request.args.get("view")
    if chosen in VIEWS and chosen != request.cookies.get(VIEW_COOKIE):
        response.set_cookie(
            VIEW_COOKIE,
            chosen,
            max_age=VIEW_DAYS * 24 * 3600,
            path="/runs",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def tag(row: Run, view: RunView | None) -> str:
    """Return the ETag of the polled part.

    Read before the data, so the ETag is never newer than the content.
    """
    role = current_actor().role_in(row.project_id)
    late = 0 if row.completed_at else bisect(durations.late_moments(row), now())
    return pages.tag(run_control.version_of(row), view, role, late)


def picture(row: Run, view: RunView, etag: str, shown: str | None = None) -> dict[str, Any]:
    """Return the context of the run templates; the log only if it is not `shown` already."""
    details, drawn, shared = _look(row)
    run = shared["run"]
    may_run = current_actor().may(SUPER_USER, row.project_id)
    found: dict[str, Any] = {
        **shared,
        "view": view.view or VIEWS[0],
        "has_worked": row.status == FAILED and run_comparison.last_good(row) is not None,
        "repeats": runs_by_id([row.rerun_of]).get(row.rerun_of) if row.rerun_of else None,
        "timeline": timeline_view.timeline(drawn) if view.view == "timeline" else None,
        "step": None,
        "choice": view.choice(),
        "may_run": may_run,
        "may_decide": {
            s.id for s in details.stages if approvals.may_decide(row, s, current_actor())
        },
        "deployments": [_deployed(item) for item in release_deployments.of_steps(details.steps)],
        "etag": etag,
        "pace": _pace(details),
    }
    step = _chosen_step(run, view, may_act=may_run)
    if step is None:
        return found
    step_row = next(item for item in details.steps if item.id == step["id"])
    attempts = details.attempts_of.get(step_row.id, ())
    step = {**step, "attempts": [answers.attempt(item).model_dump() for item in attempts]}
    attempt = found["attempt"] = _chosen_attempt(step, step_row, view)
    if shown != f"{step_row.id}.{attempt}":
        found["log"] = log_pages.opening(step_row, attempt)
    failures = results.failures(step_row, FAILURES_SHOWN) if step["tests"] else []
    found["step"] = {
        **step,
        "failedTests": [test_results.Test.of(item).model_dump() for item in failures],
    }
    found["completion"] = _completion(step_row) if may_run else None
    return found


def overview(row: Run) -> dict[str, Any]:
    """Return the run without selection and controls, for the board."""
    return _look(row)[2]


def _look(row: Run) -> tuple[Details, Timeline, dict[str, Any]]:
    """Return what every page of a run needs."""
    details, usually = run_control.look_at(row), durations.usual_for(row)
    drawn = timeline.draw(row, details.stages, details.steps, details.attempts, usually, now())
    run = answers.run(replace(details, attempts=[])).model_dump()
    return details, drawn, {"run": run, "bars": drawn.bars, "usual": usually.run}


def _deployed(row: Deployment) -> dict[str, Any]:
    """Return a deployment of the run with its environment and release."""
    return {
        **projects.Deployment.of(row).model_dump(),
        "environment": row.environment.name,
        "release": row.release
        and {"ingredientId": row.release.ingredient_id, "version": row.release.version},
    }


def _completion(step: StepRun) -> dict[str, Any] | None:
    """Return how the waiting step can be completed externally."""
    if not step.is_outside or step.status != PENDING or step.ready_at is None:
        return None
    address = f"{request.host_url}api/completions/{external_completion.secret_of(step, keys())}"
    known = external_completion.releases_for(step)
    return {
        "address": address,
        "ingredientId": external_completion.ingredient_of(step),
        "releases": [{"id": row.id, "version": row.version} for row in known],
    }


def _pace(details: Details) -> str | None:
    """Return the polling interval; None once the run has ended and cannot change."""
    if details.run.completed_at is not None:
        return None
    if any(step.status == RUNNING for step in details.steps):
        return PACE
    reasons = {reason["code"] for reason in details.reasons}
    return SLOW_PACE if reasons & SLOW_REASONS else PACE


def _chosen_step(
    run: Mapping[str, Any], view: RunView, *, may_act: bool
) -> Mapping[str, Any] | None:
    if view.step is None:
        named = (step for step in steps_of(run) if step["stepName"] == view.named)
        return next(named, None) or default_step(run, may_act=may_act)
    for step in steps_of(run):
        if step["id"] == view.step:
            return step
    raise NotFound("This run has no such step.")


def _chosen_attempt(step: Mapping[str, Any], row: StepRun, view: RunView) -> int:
    """Return the attempt whose log is shown; 0 for a step that has not started.

    For a reused step, it is an attempt of the original step; 0 if that was deleted.
    """
    if row.kept_from is not None:
        is_gone = origin_of(row) is row
        return 0 if is_gone else run_logs.of_step(settings().data_dir, row, view.attempt).attempt
    if row.is_outside:
        return 0
    if view.attempt is None:
        return step["attempt"] if step["startedAt"] else 0
    if all(item["attempt"] != view.attempt for item in step["attempts"]):
        raise NotFound("This step has no such attempt.")
    return view.attempt

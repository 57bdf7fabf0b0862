"""Page of the tests of a step, with their last runs and their reviews."""

from collections.abc import Mapping
from typing import Any, Literal

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints.requests.base import PageQuery
from blueprints.requests.runs import Review
from blueprints.responses.runs import run_item
from blueprints.responses.test_results import Test
from blueprints.runs.ansi import plain
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_run
from domain.accounts.access import SUPER_USER, missing
from domain.models import Run, StepRun, run_facts
from domain.runs import queries as run_queries
from domain.test_results import queries as result_queries
from domain.test_results import reviews
from domain.test_results.history import History

bp = Blueprint("result_pages", __name__, url_prefix="/runs/<run_id>/steps/<step_run_id>/tests")

NAME_TOLD = 200
"""Characters of a name in a message, which travels in a cookie."""
FILTERS = ("result", "search", "pageSize")


class TestsQuery(PageQuery):
    __test__ = False  # no test class

    result: Literal["Fail", "Error", "Skip", "Pass"] | None = None
    search: str = Field("", max_length=200)
    open: str | None = None
    """The test that is shown with its message and its review."""


@bp.get("")
def list_page(run_id: str, step_run_id: str) -> ResponseReturnValue:
    run = load_run(run_id)
    return _page(run, run_queries.get_step(run, step_run_id), pages.read_query(TestsQuery), Form())


@bp.post("/<test_id>/review")
def review(run_id: str, step_run_id: str, test_id: str) -> ResponseReturnValue:
    """Save a review and return to the list with the same filters."""
    run = load_run(run_id, SUPER_USER)
    step = run_queries.get_step(run, step_run_id)
    if result_queries.get(step, test_id) is None:
        raise missing("test", test_id)

    def save() -> ResponseReturnValue:
        body = read_form(Review)
        row = reviews.review(
            step, test_id, status=body.status, comment=body.comment, actor=current_actor()
        )
        flash(f"{row.name[:NAME_TOLD]} marked as {body.status.lower()}.", "good")
        query = "&".join(filter(None, (pages.filters(*FILTERS, "page"), f"open={test_id}")))
        return redirect(f"/runs/{run.id}/steps/{step.id}/tests?{query}#test-{test_id}", 303)

    query = pages.read_query(TestsQuery).model_copy(update={"open": test_id})
    return saved(save, lambda form: _page(run, step, query, form))


def _page(run: Run, step: StepRun, query: TestsQuery, form: Form) -> str:
    found = result_queries.find(
        step, query.as_page(), result=query.result, search=query.search.strip()
    )
    opened = result_queries.get(step, query.open) if query.open else None
    rows = found.rows
    if opened is not None and all(row.id != opened.id for row in rows):
        rows = [opened, *rows]  # it was asked for, wherever in the list it is
    histories = result_queries.histories(run, step, rows)
    items = [
        {**Test.of(row, message="").model_dump(), **_history(histories[row.id])} for row in rows
    ]
    origin = run_facts.origin_of(step)
    return render_template(
        "runs/test_results.html",
        run=run_item(run).model_dump(),
        step={
            "id": step.id,
            "stepName": step.name,
            "status": step.status,
            "tests": step.test_counts,
        },
        kept_from=None if origin is step else {"id": origin.run_id, "number": origin.run.number},
        tests=pages.listing(items, found.total, query),
        counts=found.counts,
        opened=opened and {**Test.of(opened).model_dump(), "message": _readable(opened.message)},
        filters={"result": query.result or "", "search": query.search.strip()},
        query=pages.filters(*FILTERS),
        page_query=pages.filters(*FILTERS, "page"),
        form=form,
        role=current_actor().role_in(run.project_id),
        may_review=current_actor().may(SUPER_USER, run.project_id),
    )


def _readable(message: str) -> str:
    """Return the message without terminal sequences."""
    return "\n".join(plain(line.rstrip("\r")) for line in message.split("\n"))


def _history(history: History) -> Mapping[str, Any]:
    since = history.failing_since
    return {
        "marks": [
            {
                "runId": mark.run_id,
                "number": mark.number,
                "stepId": mark.step_id,
                "testId": mark.test_id,
                "result": mark.result,
            }
            for mark in history.marks
        ],
        "failingSince": since and {"runId": since.run_id, "number": since.number},
        "failingRuns": history.failing_runs,
        "isSinceBefore": history.is_since_before,
        "isNewlyFailing": history.is_newly_failing,
        "isFixed": history.is_fixed,
        "isFlaky": history.is_flaky,
        "changes": history.changes,
    }

"""Page that compares two runs of a workflow, by default with the last success."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints.requests.base import Schema
from blueprints.runs import comparison_view
from blueprints.shared import pages
from blueprints.shared.context import settings
from blueprints.shared.guards import load_run
from domain.comparison import compare as run_comparison

bp = Blueprint("comparison", __name__, url_prefix="/runs/<run_id>/compare")


class CompareQuery(Schema):
    other: str | None = Field(None, alias="with")
    """The run to compare with; else the last good one before it."""


@bp.get("")
def show(run_id: str) -> ResponseReturnValue:
    run = load_run(run_id)
    wanted = pages.read_query(CompareQuery).other
    good = run_comparison.last_good(run)
    other = load_run(wanted) if wanted else good
    found = None
    if other is not None:
        run_comparison.require_comparable(run, other)
        found = comparison_view.comparison(run_comparison.compare(settings().data_dir, other, run))
    return render_template(
        "runs/comparison.html",
        workflow=run.workflow,
        run=comparison_view.run_brief(run),
        other=other and comparison_view.run_brief(other),
        last_good=good and comparison_view.run_brief(good),
        choices=[comparison_view.run_brief(row) for row in run_comparison.choices(run, other)],
        found=found,
    )

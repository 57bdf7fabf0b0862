"""What changed between two runs of a workflow; first of all since it last worked."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints import pages, settings
from blueprints.guards import load_run
from blueprints.present import comparison as present
from blueprints.schemas import Schema
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
        found = present.comparison(run_comparison.compare(settings().data_dir, other, run))
    return render_template(
        "comparison/show.html",
        workflow=run.workflow,
        run=present.run_brief(run),
        other=other and present.run_brief(other),
        last_good=good and present.run_brief(good),
        choices=[present.run_brief(row) for row in run_comparison.choices(run, other)],
        found=found,
    )

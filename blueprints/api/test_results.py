"""The tests of a step, and their reviews."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.api.operations import operation
from blueprints.api.replies import listing, read_json
from blueprints.requests.base import PageQuery
from blueprints.requests.runs import Review
from blueprints.responses import test_results as answers
from blueprints.responses.base import Listed
from blueprints.shared.guards import current_actor, load_run
from domain.accounts.access import SUPER_USER
from domain.pagination import fetch
from domain.runs import queries as run_queries
from domain.test_results import results, reviews

bp = Blueprint("api_results", __name__, url_prefix="/api/workflowruns")


@bp.get("/<run_id>/steps/<step_run_id>/tests")
@operation("List the tests of a step", answers={200: Listed[answers.Test]}, query=PageQuery)
def get_tests(run_id: str, step_run_id: str, query: PageQuery) -> ResponseReturnValue:
    """Paged: a step stores up to 50,000 tests, each with a message of up to 16 KiB."""
    step = run_queries.get_step(load_run(run_id), step_run_id)
    rows, total = fetch(results.find(step), query.as_page())
    return listing([answers.Test.of(row) for row in rows], total, query)


@bp.put("/<run_id>/steps/<step_run_id>/tests/<test_id>/review")
@operation("Review a test", needs=SUPER_USER, body=Review, answers={200: answers.Test})
def review_test(run_id: str, step_run_id: str, test_id: str) -> ResponseReturnValue:
    """Replace the review of a test; the result of the test does not change.

    Steps that reuse the original step show the same tests, so each test has one review.
    """
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    body = read_json(Review)
    row = reviews.review(
        step, test_id, status=body.status, comment=body.comment, actor=current_actor()
    )
    return jsonify(answers.Test.of(row))

"""/api/workflowruns: following a run, stopping it, deciding what waits for a person."""

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from blueprints.api.operations import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    PUBLIC,
    SIGNED_IN,
    operation,
)
from blueprints.api.replies import listing, read_json, started
from blueprints.requests.runs import Completion, Outcome, Rerun, RunQuery, StageDecision, WaitQuery
from blueprints.responses import runs as answers
from blueprints.responses.base import Unbounded
from blueprints.responses.runs import StartedRun
from blueprints.shared import run_control
from blueprints.shared.context import keys, settings
from blueprints.shared.guards import address, by_address, current_actor, forget_actor, load_run
from blueprints.shared.long_poll import RETRY_AFTER_SECONDS, wait_for_change
from blueprints.shared.run_control import Shown
from blueprints.shared.visible import find_runs
from domain import engine
from domain.accounts.access import SUPER_USER, Actor
from domain.errors import Conflict, FieldError
from domain.models import Run, StepRun
from domain.pagination import fetch_after
from domain.runs import deletion, external_completion
from domain.runs import queries as run_queries
from domain.statuses import FINISHED

bp = Blueprint("api_runs", __name__, url_prefix="/api/workflowruns")
completions = Blueprint("api_completions", __name__, url_prefix="/api/completions")

WHOM_THE_STAGE_ASKS = (
    "the roles that the stage asks, or a higher one; if it names none, the role SuperUser"
)


@bp.get("")
@operation(
    "List runs, newest first",
    needs=SIGNED_IN,
    answers={200: Unbounded[answers.RunItem]},
    query=RunQuery,
)
def list_runs(query: RunQuery) -> ResponseReturnValue:
    found = find_runs(query)
    rows, total, cursor = fetch_after(
        found.newest_first, Run.id, query.as_page(), query.cursor, counted=found.all
    )
    items = [answers.run_item(row) for row in run_queries.with_workflows(rows)]
    return listing(items, total, query, nextCursor=cursor)


@bp.get("/<run_id>")
@operation(
    "Read a run",
    answers={200: answers.Run, 304: None},
    query=WaitQuery,
    headers=(IF_NONE_MATCH,),
    gives=(ETAG,),
)
def get_run(run_id: str, query: WaitQuery) -> ResponseReturnValue:
    """Return the run; with `wait`, as soon as it changes.

    A 304 before the time of `wait` is over has a Retry-After: all places for waiting requests are
    taken, so ask again after that many seconds.
    """
    shown = Shown(load_run(run_id))
    has_waited = True
    if query.wait and _is_known(shown):
        has_waited = wait_for_change(shown, query.wait)
        forget_actor()
        shown = Shown(load_run(run_id))
    if not _is_known(shown):
        return _tagged(jsonify(shown.answer), shown.tag)
    response = _tagged(Response(status=304), shown.tag)
    if not has_waited:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _is_known(shown: Shown) -> bool:
    """Compare weakly: a proxy that compresses makes every tag weak."""
    return request.if_none_match.contains_weak(shown.tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    return response


@bp.delete("/<run_id>")
@operation("Delete a run", needs=SUPER_USER, errors=(409,))
def delete_run(run_id: str) -> ResponseReturnValue:
    """Delete a finished run with its logs and tests; its releases and deployments stay.

    Fails while the outcome of a deployment is unknown, or reruns reuse steps of the run.
    """
    row = load_run(run_id, SUPER_USER)
    deletion.delete_run(row, actor=current_actor(), data_dir=settings().data_dir)
    return "", 204


@bp.post("/<run_id>/abort")
@operation("Abort a run", needs=SUPER_USER, answers={202: StartedRun}, errors=(409,))
def abort_run(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)
    if row.completed_at is not None:
        raise _already(row.status, "run")
    engine.abort_run(row.id, by=current_actor())
    return jsonify(runId=row.id, status=run_queries.get(row.id).status), 202


@bp.post("/<run_id>/rerun")
@operation(
    "Rerun a finished run",
    needs=SUPER_USER,
    body=Rerun,
    body_is_optional=True,
    answers={201: StartedRun},
    errors=(409,),
    headers=(IDEMPOTENCY_KEY,),
)
def rerun(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)
    body = read_json(Rerun)
    return started(lambda: run_control.rerun(row, body))


@bp.get("/<run_id>/steps/<step_run_id>")
@operation("Read a step of a run", answers={200: answers.StepRun})
def get_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    row = load_run(run_id)
    run_queries.get_step(row, step_run_id)
    stages = answers.run(run_control.look_at(row)).stage_runs
    steps = (step for stage in stages for step in stage.step_runs)
    return jsonify(next(step for step in steps if step.id == step_run_id))


@bp.post("/<run_id>/steps/<step_run_id>/abort")
@operation("Abort a step", needs=SUPER_USER, answers={202: answers.StepState}, errors=(409,))
def abort_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    if step.status in FINISHED:
        raise _already(step.status, "step")
    engine.abort_step(step, by=current_actor())
    return jsonify(id=step.id, status=StepRun.get_by_id(step.id).status), 202


@bp.post("/<run_id>/steps/<step_run_id>/complete")
@operation(
    "Complete a step",
    needs=SUPER_USER,
    body=Completion,
    answers={200: answers.StepState},
    errors=(409,),
)
def complete_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Record the result of the step; repeating it is allowed, changing it is a conflict."""
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    return _complete(step, current_actor())


@completions.post("/<secret>")
@by_address
@operation(
    "Complete a step by its one-time address",
    needs=PUBLIC,
    body=Completion,
    answers={200: answers.StepState},
    errors=(404, 409),
)
def complete_by_address(secret: str) -> ResponseReturnValue:
    """Record the result of the step without a token.

    The run page shows the address while the step waits. The address works for this step only, until
    the step has ended.
    """
    step = external_completion.by_secret(secret, keys())
    return _complete(step, external_completion.actor_for(step, address()))


def _complete(step: StepRun, actor: Actor) -> ResponseReturnValue:
    run_control.complete(step, read_json(Completion), actor)
    return jsonify(id=step.id, status=StepRun.get_by_id(step.id).status)


@bp.post("/<run_id>/steps/<step_run_id>/outcome")
@operation(
    "Record the outcome of a lost deployment",
    needs=SUPER_USER,
    body=Outcome,
    answers={200: answers.OutcomeAnswered},
    errors=(409,),
)
def answer_outcome(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Record whether a deployment happened whose worker was lost."""
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    run_control.record_outcome(step, read_json(Outcome))
    return jsonify(id=step.id, outsideEffect=StepRun.get_by_id(step.id).outside_effect)


@bp.post("/<run_id>/stages/<stage_run_id>/approve")
@operation(
    "Approve a stage",
    needs=SUPER_USER,
    who=WHOM_THE_STAGE_ASKS,
    body=StageDecision,
    body_is_optional=True,
    answers={200: answers.StageDecided},
    errors=(403, 409),
)
def approve_stage(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "approved")


@bp.post("/<run_id>/stages/<stage_run_id>/reject")
@operation(
    "Reject a stage",
    needs=SUPER_USER,
    who=WHOM_THE_STAGE_ASKS,
    body=StageDecision,
    body_is_optional=True,
    answers={200: answers.StageDecided},
    errors=(403, 409),
)
def reject_stage(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "rejected")


def _decide(run_id: str, stage_run_id: str, decision: str) -> ResponseReturnValue:
    stage = run_queries.get_stage(load_run(run_id), stage_run_id)
    body = read_json(StageDecision)
    run_control.decide(stage, decision, body.comment)
    return jsonify(id=stage.id, decision=decision)


def _already(status: str, kind: str) -> Conflict:
    return Conflict(
        f"The {kind} is {status} already.",
        code="already_finished",
        details=[FieldError("/status", "already_finished", status)],
    )

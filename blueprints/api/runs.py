"""/api/workflowruns: following a run, stopping it, deciding what waits for a person."""

from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file
from flask.typing import ResponseReturnValue

from blueprints import doorbell, run_actions, settings
from blueprints.answers import Listed, Unbounded
from blueprints.answers import runs as answers
from blueprints.answers.runs import StartedRun
from blueprints.api import listing, read_json, started
from blueprints.api.operations import IDEMPOTENCY_KEY, IF_NONE_MATCH, SIGNED_IN, TEXT, operation
from blueprints.guards import current_actor, load_run
from blueprints.present import runs as present
from blueprints.run_schemas import Completion, LogQuery, Outcome, Rerun, RunQuery, StageDecision
from blueprints.schemas import PageQuery
from domain import engine, outside, results, run_queries
from domain.access import SUPER_USER, USER, require
from domain.errors import Conflict
from domain.logs import log_path, read_log
from domain.models import Run, StepRun
from domain.paging import fetch, fetch_after
from domain.statuses import FINISHED

bp = Blueprint("api_runs", __name__, url_prefix="/api/workflowruns")


@bp.get("")
@operation(
    "List runs, newest first",
    needs=SIGNED_IN,
    answers={200: Unbounded[answers.RunItem]},
    query=RunQuery,
)
def list_runs(query: RunQuery) -> ResponseReturnValue:
    rows, total, cursor = fetch_after(find(query), Run.id, query.as_page(), query.cursor)
    return listing([present.run_item(row) for row in rows], total, query, nextCursor=cursor)


def find(query: RunQuery) -> Any:
    """The runs asked for among those that the caller may read, newest first."""
    actor = current_actor()
    if query.project_id is not None:
        require(actor, USER, query.project_id)
    projects = None if actor.is_system_admin else list(actor.roles)
    return run_queries.find(
        projects=[query.project_id] if query.project_id else projects,
        workflow_id=query.workflow_id,
        statuses=query.status,
        trigger_source=query.trigger_source,
        started_after=query.started_after,
        started_before=query.started_before,
    )


@bp.get("/<run_id>")
@operation("Read a run", answers={200: answers.Run, 304: None}, headers=(IF_NONE_MATCH,))
def get_run(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id)
    tag = run_actions.version_of(row)
    if request.if_none_match.contains(tag):
        return _tagged(Response(status=304), tag)
    return _tagged(jsonify(present.run(run_actions.look_at(row))), tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    return response


@bp.post("/<run_id>/abort")
@operation("Stop a run", needs=SUPER_USER, answers={202: StartedRun}, errors=(409,))
def abort_run(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)
    if row.completed_at is not None:
        raise _already(row.status, "run")
    run_actions.stop(row)
    return jsonify(runId=row.id, status=run_queries.get(row.id).status), 202


@bp.post("/<run_id>/rerun")
@operation(
    "Run a finished run again",
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
    return started(lambda within: run_actions.rerun(row, body, within))


@bp.get("/<run_id>/steps/<step_run_id>")
@operation("Read a step of a run", answers={200: answers.StepRun})
def get_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    row = load_run(run_id)
    run_queries.get_step(row, step_run_id)
    shown = present.run(run_actions.look_at(row))
    steps = [step for stage in shown["stageRuns"] for step in stage["stepRuns"]]
    return jsonify(next(step for step in steps if step["id"] == step_run_id))


@bp.post("/<run_id>/steps/<step_run_id>/abort")
@operation("Stop a step", needs=SUPER_USER, answers={202: answers.StepState}, errors=(409,))
def abort_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    if step.status in FINISHED:
        raise _already(step.status, "step")
    running, ready = engine.cancel_step(step, by=current_actor().username)
    doorbell().poke(running)
    doorbell().ring(ready)
    return jsonify(id=step.id, status=StepRun.get_by_id(step.id).status), 202


@bp.post("/<run_id>/steps/<step_run_id>/complete")
@operation(
    "Complete a step from outside",
    needs=SUPER_USER,
    body=Completion,
    answers={200: answers.StepState},
    errors=(409,),
)
def complete_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """The same result may be sent again; another one is a conflict."""
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    body = read_json(Completion)
    ready = outside.complete(
        step, success=body.success, release_id=body.release_id, message=body.message
    )
    doorbell().ring(ready)
    return jsonify(id=step.id, status=StepRun.get_by_id(step.id).status)


@bp.post("/<run_id>/steps/<step_run_id>/outcome")
@operation(
    "Say what became of a lost deployment",
    needs=SUPER_USER,
    body=Outcome,
    answers={200: answers.OutcomeAnswered},
    errors=(409,),
)
def answer_outcome(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Say whether a deployment happened whose worker was lost before it could tell."""
    step = run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)
    body = read_json(Outcome)
    outside.answer(step, happened=body.happened, comment=body.comment, actor=current_actor())
    return jsonify(id=step.id, outsideEffect=StepRun.get_by_id(step.id).outside_effect)


@bp.post("/<run_id>/stages/<stage_run_id>/approve")
@operation(
    "Approve a stage",
    needs=USER,
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
    needs=USER,
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
    run_actions.decide(stage, decision, body.comment)
    return jsonify(id=stage.id, decision=decision)


def _already(status: str, kind: str) -> Conflict:
    return Conflict(
        f"The {kind} is {status} already.",
        code="already_finished",
        details=[{"field": "/status", "code": "already_finished", "message": status}],
    )


# ---- logs and tests --------------------------------------------------------------------------


@bp.get("/<run_id>/steps/<step_run_id>/logs")
@operation(
    "Read a log",
    answers={200: TEXT, 206: TEXT, 304: None},
    errors=(416,),
    headers=("Range",),
    query=LogQuery,
)
def get_log(run_id: str, step_run_id: str, query: LogQuery) -> ResponseReturnValue:
    """The whole log as it is now, also by Range; or what came after byte `offset`, up to 256 KiB.

    X-Log-Offset says what to ask for next, X-Log-Complete that nothing will come any more.
    """
    step = run_queries.get_step(load_run(run_id), step_run_id)
    number = query.attempt or step.attempt
    # Whether it is over is asked before its end is read: lines may come in between.
    over = run_queries.attempt_is_over(step, number)
    path = log_path(settings().data_dir, step.run_id, step.id, number)
    size = path.stat().st_size if path.exists() else 0
    if query.offset is not None:
        data, offset = read_log(path, query.offset, complete=over)
        response = Response(data, mimetype="text/plain")
    else:
        offset = size
        response = (
            send_file(path, mimetype="text/plain", max_age=0)
            if size
            else Response("", mimetype="text/plain")
        )
    response.headers["X-Log-Offset"] = str(offset)
    response.headers["X-Log-Complete"] = "true" if over and offset >= size else "false"
    return response


@bp.get("/<run_id>/steps/<step_run_id>/tests")
@operation("List the tests of a step", answers={200: Listed[answers.Test]}, query=PageQuery)
def get_tests(run_id: str, step_run_id: str, query: PageQuery) -> ResponseReturnValue:
    """In pages: a step keeps up to 50,000 tests, each with a message of up to 16 KiB."""
    step = run_queries.get_step(load_run(run_id), step_run_id)
    rows, total = fetch(results.find(step), query.as_page())
    return listing([present.test(row) for row in rows], total, query)

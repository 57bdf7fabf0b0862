"""What people do to a run from its page: stop it, decide, complete, answer, run it again."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.present import runs as present
from blueprints.requests.base import check
from blueprints.requests.runs import Completion, Outcome, Rerun, StageDecision
from blueprints.shared import pages, run_control
from blueprints.shared.context import doorbell, keys
from blueprints.shared.diff_view import difference
from blueprints.shared.double_submit import FormId, start_once
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_run
from domain import engine
from domain.accounts.access import SUPER_USER
from domain.definitions.diff import differences
from domain.errors import Conflict, GalleyError, Invalid
from domain.models import Run, StepRun, Workflow, new_id
from domain.runs import external_completion, lost_deployments, reruns
from domain.runs import queries as run_queries
from domain.workflows import queries as workflow_queries

bp = Blueprint("run_changes", __name__, url_prefix="/runs/<run_id>")


class RerunForm(Rerun):
    form_id: FormId | None = None


# ---- stopping --------------------------------------------------------------------------------


@bp.post("/abort")
def abort(run_id: str) -> ResponseReturnValue:
    """One that has ended meanwhile is no error: the page says how it stands."""
    run_control.abort(load_run(run_id, SUPER_USER))
    return _polled(f"/runs/{run_id}")


@bp.post("/steps/<step_run_id>/abort")
def abort_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    step = _step(run_id, step_run_id)
    running, ready = engine.abort_step(step, by=current_actor())
    doorbell().poke(running)
    doorbell().ring(ready)
    return _polled(f"/runs/{run_id}?step={step.id}#step")


# ---- what waits for somebody -----------------------------------------------------------------


@bp.post("/stages/<stage_run_id>/approve")
def approve(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "approved")


@bp.post("/stages/<stage_run_id>/reject")
def reject(run_id: str, stage_run_id: str) -> ResponseReturnValue:
    return _decide(run_id, stage_run_id, "rejected")


def _decide(run_id: str, stage_run_id: str, decision: str) -> ResponseReturnValue:
    stage = run_queries.get_stage(load_run(run_id), stage_run_id)
    run_control.decide(stage, decision, read_form(StageDecision).comment)
    return _polled(f"/runs/{run_id}")


@bp.post("/steps/<step_run_id>/complete")
def complete(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """To its step, which says how it ended; what is refused is said there, too."""
    step = _step(run_id, step_run_id)
    body = read_form(Completion)
    try:
        ready = external_completion.complete(
            step,
            success=body.success,
            release_id=body.release_id if body.success else None,
            message=body.message,
            actor=current_actor(),
        )
    except GalleyError as error:
        flash(_sentence(error), "bad")
    else:
        doorbell().ring(ready)
    return _to_step(step)


@bp.post("/steps/<step_run_id>/outcome")
def answer_outcome(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Say whether a deployment happened whose worker was lost; to its step, which then says so."""
    step = _step(run_id, step_run_id)
    form = read_form(Outcome)
    lost_deployments.answer(
        step, happened=form.happened, comment=form.comment, actor=current_actor()
    )
    return _to_step(step)


def _sentence(error: GalleyError) -> str:
    """What is wrong: of several faults the first."""
    return str(error.details[0]["message"] if isinstance(error, Invalid) else error.message)


def _step(run_id: str, step_run_id: str) -> StepRun:
    return run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)


def _polled(address: str) -> ResponseReturnValue:
    """The page that asked, if it keeps up with the run by itself, has no need to go anywhere."""
    return Response(status=204) if pages.is_partial() else redirect(address, 303)


def _to_step(step: StepRun) -> ResponseReturnValue:
    return pages.lead_to(f"/runs/{step.run_id}?step={step.id}#step")


# ---- running it again ------------------------------------------------------------------------


@bp.get("/rerun")
def rerun_page(run_id: str) -> ResponseReturnValue:
    """What each choice would run, and how the definition differs by now."""
    return _rerun_page(load_run(run_id, SUPER_USER), Form())


@bp.post("/rerun")
def rerun(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)

    def start() -> ResponseReturnValue:
        names = ("from", "definition", "formId")
        chosen = {name: request.form[name] for name in names if name in request.form}
        form = check(RerunForm, chosen, strict=False)
        choice = (form.whence, form.definition)
        address = start_once(
            form.form_id, choice, lambda within: run_control.rerun(row, form, within)
        )
        return pages.lead_to(address)

    return saved(start, lambda form: _rerun_page(row, form))


def _rerun_page(row: Run, form: Form) -> str:
    workflow = Workflow.get_by_id(row.workflow_id)
    row.workflow = workflow
    return render_template(
        "runs/rerun.html",
        run=present.run_item(row) | {"revision": row.revision, "parameters": row.parameters},
        previews=_previews(row, workflow),
        current=workflow.revision,
        found=[difference(item) for item in _differences(row, workflow)],
        form=form,
        form_id=new_id(),
    )


def _previews(row: Run, workflow: Workflow) -> dict[str, dict[str, Any]]:
    """By what is chosen; the present definition is none of the choices while it is the same."""
    same = _preview(row, "same")
    is_same = workflow.revision == row.revision
    return {"same": same, "current": same if is_same else _preview(row, "current")}


def _preview(row: Run, which: reruns.Which) -> dict[str, Any]:
    """The names of the steps, those that a rerun from the failure keeps; or why it cannot be."""
    try:
        preview = reruns.preview(row, definition=which, keys=keys())
    except (Conflict, Invalid) as error:
        return {"refused": _sentence(error), "unanswered": "", "steps": [], "kept": set()}
    return {"refused": "", **asdict(preview)}


def _differences(row: Run, workflow: Workflow) -> list[Any]:
    if workflow.revision == row.revision:
        return []
    then = workflow_queries.get_revision(workflow, row.revision)
    now_is = workflow_queries.get_revision(workflow, workflow.revision)
    return differences(then.definition, now_is.definition)

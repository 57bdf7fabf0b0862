"""Actions on a run from its page: abort, decide, complete, record an outcome, rerun."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.requests.base import check
from blueprints.requests.runs import Completion, Outcome, Rerun, StageDecision
from blueprints.responses.runs import run_item
from blueprints.shared import pages, run_control
from blueprints.shared.context import keys
from blueprints.shared.diff_view import difference
from blueprints.shared.double_submit import FormId, start_once
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_run
from domain import engine
from domain.accounts.access import SUPER_USER
from domain.definitions.diff import differences
from domain.errors import Conflict, GalleyError, Invalid
from domain.models import Run, StepRun, Workflow, new_id
from domain.runs import queries as run_queries
from domain.runs import reruns
from domain.runs.reruns import Preview
from domain.workflows import queries as workflow_queries

bp = Blueprint("run_changes", __name__, url_prefix="/runs/<run_id>")


class RerunForm(Rerun):
    form_id: FormId | None = None


@bp.post("/abort")
def abort(run_id: str) -> ResponseReturnValue:
    """Abort a run. If it has ended meanwhile, the page shows that."""
    load_run(run_id, SUPER_USER)
    engine.abort_run(run_id, by=current_actor())
    return _polled(f"/runs/{run_id}")


@bp.post("/steps/<step_run_id>/abort")
def abort_step(run_id: str, step_run_id: str) -> ResponseReturnValue:
    step = _step(run_id, step_run_id)
    engine.abort_step(step, by=current_actor())
    return _polled(f"/runs/{run_id}?step={step.id}#step")


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
    """Complete a step and lead to it; a refusal is shown there, too."""
    step = _step(run_id, step_run_id)
    body = read_form(Completion)
    if not body.success:
        body = body.model_copy(update={"release_id": None})  # the form has one selected anyway
    try:
        run_control.complete(step, body, current_actor())
    except GalleyError as error:
        flash(_sentence(error), "bad")
    return _to_step(step)


@bp.post("/steps/<step_run_id>/outcome")
def answer_outcome(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Record the outcome of a lost deployment and lead to its step."""
    step = _step(run_id, step_run_id)
    run_control.record_outcome(step, read_form(Outcome))
    return _to_step(step)


def _sentence(error: GalleyError) -> str:
    """Return the first error as a sentence."""
    return str(error.details[0]["message"] if isinstance(error, Invalid) else error.message)


def _step(run_id: str, step_run_id: str) -> StepRun:
    return run_queries.get_step(load_run(run_id, SUPER_USER), step_run_id)


def _polled(address: str) -> ResponseReturnValue:
    """Answer an action. A page that polls the run stays where it is."""
    return Response(status=204) if pages.is_partial() else redirect(address, 303)


def _to_step(step: StepRun) -> ResponseReturnValue:
    return pages.lead_to(f"/runs/{step.run_id}?step={step.id}#step")


@bp.get("/rerun")
def rerun_page(run_id: str) -> ResponseReturnValue:
    """Show what each choice would run, and how the definition has changed."""
    return _rerun_page(load_run(run_id, SUPER_USER), Form())


@bp.post("/rerun")
def rerun(run_id: str) -> ResponseReturnValue:
    row = load_run(run_id, SUPER_USER)

    def start() -> ResponseReturnValue:
        names = ("from", "definition", "formId")
        chosen = {name: request.form[name] for name in names if name in request.form}
        form = check(RerunForm, chosen, strict=False)
        choice = (form.whence, form.definition)
        return pages.lead_to(start_once(form.form_id, choice, lambda: run_control.rerun(row, form)))

    return saved(start, lambda form: _rerun_page(row, form))


def _rerun_page(row: Run, form: Form) -> str:
    workflow = Workflow.get_by_id(row.workflow_id)
    row.workflow = workflow
    return render_template(
        "runs/rerun.html",
        run={
            **run_item(row).model_dump(),
            "revision": row.revision,
            "parameters": row.parameters,
        },
        previews=_previews(row, workflow),
        current=workflow.revision,
        found=[difference(item) for item in _differences(row, workflow)],
        form=form,
        form_id=new_id(),
    )


def _previews(row: Run, workflow: Workflow) -> dict[str, Preview]:
    """Return a preview for each definition. They are the same until the workflow changes."""
    same = _preview(row, "same")
    is_same = workflow.revision == row.revision
    return {"same": same, "current": same if is_same else _preview(row, "current")}


def _preview(row: Run, which: reruns.Which) -> Preview:
    try:
        return reruns.preview(row, definition=which, keys=keys())
    except (Conflict, Invalid) as error:
        return Preview(refused=_sentence(error))


def _differences(row: Run, workflow: Workflow) -> list[Any]:
    if workflow.revision == row.revision:
        return []
    then = workflow_queries.get_revision(workflow, row.revision)
    now_is = workflow_queries.get_revision(workflow, workflow.revision)
    return differences(then.definition, now_is.definition)

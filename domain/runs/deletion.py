"""Delete a run unless something still needs it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.errors import Conflict, FieldError, state
from domain.logs.files import run_folder
from domain.models import Run, StepRun, Workflow, locked, write
from domain.runs.lost_deployments import require_answers


def delete_run(run: Run, *, actor: Actor, data_dir: Path) -> None:
    """Delete a finished run with its steps, tests and logs, but not its releases and deployments.

    Raises Conflict: `run_in_progress`; `outcome_unknown` if a deployment has an unknown outcome,
    which could not be recorded any more; `kept_by_reruns` if reruns reuse steps of this run.
    Raises NotFound if it was deleted meanwhile.
    """
    with write():
        # Lock the workflow before its runs, as starting one does: no rerun can start from here on.
        workflow = locked(Workflow.select().where(Workflow.id == run.workflow_id)).get()
        present = locked(Run.select().where(Run.id == run.id)).first()
        if present is None:
            raise missing("run", run.id)
        _require_end(present)
        steps = list(
            StepRun.select(StepRun.id, StepRun.name, StepRun.outside_effect)
            .where(StepRun.run == run.id)
            .order_by(StepRun.id)
        )
        require_answers(steps)
        _refuse_reused(steps)
        Run.delete().where(Run.id == run.id).execute()
        _forget_last_run(workflow, run.id)
        audit.record(
            actor,
            "delete",
            "run",
            run.id,
            project_id=run.project_id,
            detail={"workflow": workflow.name, "number": run.number, "status": present.status},
        )
    # After the commit: the doctor finds logs without a run, but a run must not lack its logs.
    shutil.rmtree(run_folder(data_dir, run.id), ignore_errors=True)


def _require_end(run: Run) -> None:
    if run.completed_at is None:
        raise Conflict(
            f"The run is still {run.status}. Wait for its end or abort it.",
            code="run_in_progress",
            details=[FieldError("/status", "run_in_progress", run.status)],
        )


def _refuse_reused(steps: Sequence[StepRun]) -> None:
    """Refuse if a rerun reuses any of the steps, because it shows their tests and logs."""
    reruns = list(
        Run.select(Run.id, Run.number)
        .join(StepRun)
        .where(StepRun.kept_from.in_([step.id for step in steps]))
        .distinct()
        .order_by(Run.number)
    )
    if reruns:
        raise Conflict(
            f"Reruns reuse steps of this run: {', '.join(f'#{run.number}' for run in reruns)}. "
            "Delete them first.",
            code="kept_by_reruns",
            details=[
                state("kept_by_rerun", f"Run #{run.number} reuses steps of it.", runId=run.id)
                for run in reruns
            ],
        )


def _forget_last_run(workflow: Workflow, run_id: str) -> None:
    """Point the workflow to its newest run. `run_count` stays, so the number is not reused."""
    if workflow.last_run_id != run_id:
        return
    newest = (
        Run.select(Run.id, Run.created_at)
        .where(Run.workflow == workflow.id)
        .order_by(Run.number.desc())
        .first()
    )
    Workflow.update(
        last_run_id=newest and newest.id, last_run_at=newest and newest.created_at
    ).where(Workflow.id == workflow.id).execute()

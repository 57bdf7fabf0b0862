"""Delete a run unless something still needs it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.errors import Conflict, FieldError, state
from domain.logs.files import run_folder
from domain.models import (
    Run,
    StepRun,
    Workflow,
    locked,
    write,
)
from domain.runs.lost_deployments import require_answers


def delete_run(run: Run, *, actor: Actor, data_dir: Path) -> None:
    """Remove a finished run with its steps, tests and logs; its releases and deployments stay.

    Raises Conflict: `run_in_progress`; `outcome_unknown` while nobody has said what became of a
    deployment, for nobody could say it any more; `kept_by_reruns` where reruns show steps of this
    run as their own. Raises NotFound when somebody else was faster.
    """
    with write():
        # The workflow before its runs, as whoever starts one: no rerun of this one can begin now.
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
        _refuse_kept(steps)
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
    # Only now: logs without a run are better than a run without logs, and the doctor finds them.
    shutil.rmtree(run_folder(data_dir, run.id), ignore_errors=True)


def _require_end(run: Run) -> None:
    if run.completed_at is None:
        raise Conflict(
            f"The run is still {run.status}; wait for its end, or abort it.",
            code="run_in_progress",
            details=[FieldError("/status", "run_in_progress", run.status)],
        )


def _refuse_kept(steps: Sequence[StepRun]) -> None:
    """What a rerun keeps has its tests and its log here, and nowhere else."""
    reruns = list(
        Run.select(Run.id, Run.number)
        .join(StepRun)
        .where(StepRun.kept_from.in_([step.id for step in steps]))
        .distinct()
        .order_by(Run.number)
    )
    if reruns:
        raise Conflict(
            f"Steps of this run were kept by {', '.join(f'#{rerun.number}' for rerun in reruns)}, "
            "which shows their tests and logs as its own; remove the reruns first.",
            code="kept_by_reruns",
            details=[
                state("kept_by_rerun", f"Run #{rerun.number} keeps steps of it.", runId=rerun.id)
                for rerun in reruns
            ],
        )


def _forget_last_run(workflow: Workflow, run_id: str) -> None:
    """Its number is not given again: `run_count` stays."""
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

"""Create runs in any state, as the engine would, but without running their steps."""

from pathlib import Path

from domain.accounts.access import console
from domain.clock import now
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.logs.files import log_path
from domain.models import Attempt, Ingredient, Run, StageRun, StepRun, Workflow, write
from domain.projects import projects
from domain.runs.start import start_run
from domain.secret_key import Keys
from domain.statuses import RUNNING, SUCCEEDED
from domain.workflows import workflows

ACTOR = console("bench")
STEP_MS = 7_300
LEASE_MS = 3_600_000
LOG = "".join(f"line {number} of what a step printed\n" for number in range(200))


def create_workflow(name: str, stages: int, steps: int) -> Workflow:
    """Create a workflow with so many stages of so many steps each, in its own project."""
    project = projects.create_project(ACTOR, name, name.title())
    with write():
        Ingredient.create(id=f"part-{name}", project=project, name="Part", created_by="bench")
    build = {"ingredientId": f"part-{name}", "buildScript": "true"}
    body = {
        "name": name,
        "projectId": project.id,
        "stages": [
            {
                "name": f"stage {stage}",
                "order": stage,
                "steps": [
                    {"name": f"step {stage}.{step}", "type": "Build", "configuration": build}
                    for step in range(steps)
                ],
            }
            for stage in range(stages)
        ],
    }
    return workflows.create(parse(body, NewWorkflow), actor=ACTOR).workflow


def start(workflow: Workflow, keys: Keys) -> Run:
    """Start a run of the current revision."""
    fresh = Workflow.get_by_id(workflow.id)
    return start_run(fresh, actor=ACTOR, keys=keys, parameters={}, trigger_source="bench")


def advance(run: Run, done: int) -> None:
    """Let the first `done` stages succeed, and each step of the next stage run.

    After the last stage, the run has succeeded.
    """
    stages = list(StageRun.select().where(StageRun.run == run.id).order_by(StageRun.position))
    begin = now() - (done + 1) * STEP_MS
    with write():
        for stage in stages[: done + 1]:
            is_done = stage.position < done
            started_at = begin + stage.position * STEP_MS
            end = started_at + STEP_MS if is_done else None
            status = SUCCEEDED if is_done else RUNNING
            times = {"started_at": started_at, "completed_at": end, "status": status}
            StageRun.update(opened_at=started_at, **times).where(StageRun.id == stage.id).execute()
            steps = StepRun.update(ready_at=started_at, lease_until=now() + LEASE_MS, **times)
            steps.where(StepRun.stage == stage.id).execute()
            of_stage = StepRun.select(StepRun.id).where(StepRun.stage == stage.id)
            Attempt.delete().where(Attempt.step.in_(of_stage)).execute()
            Attempt.bulk_create(
                [Attempt(step=step.id, number=1, worker="bench", **times) for step in of_stage]
            )
        is_over = done == len(stages)
        Run.update(
            status=SUCCEEDED if is_over else RUNNING,
            version=Run.version + 1,
            started_at=begin,
            completed_at=now() if is_over else None,
        ).where(Run.id == run.id).execute()


def write_logs(run: Run, data_dir: Path) -> None:
    """Write a log for each running step."""
    for step in StepRun.select().where((StepRun.run == run.id) & (StepRun.status == RUNNING)):
        path = log_path(data_dir, run.id, step.id, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LOG)

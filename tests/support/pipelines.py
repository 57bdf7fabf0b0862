"""Workflows to run in tests: written short, stored by the product's own use cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain import engine
from domain.accounts.access import Actor, console
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.engine import Claim, Ready
from domain.models import Environment, Ingredient, Project, Run, StepRun, TestSuite, Workflow, write
from domain.projects import projects
from domain.runs.start import start_run
from domain.workflows import workflows
from tests.support.bell import heard
from tests.support.keys import KEYS

ACTOR = console("ann")


def a_project(project_id: str = "pond") -> Project:
    """A project with the ingredient `duck` (see `build`) and nothing else."""
    project = projects.create_project(ACTOR, project_id, project_id.title())
    with write():
        Ingredient.create(id="duck", project=project, name="Duck", created_by="ann")
    return project


def an_environment(
    project: Project, name: str = "nest", driver: str = "directory", **settings: Any
) -> Environment:
    with write():
        return Environment.create(
            project=project, name=name, driver=driver, settings=settings, updated_by="ann"
        )


def build(name: str, script: str | None = "true", **more: Any) -> dict[str, Any]:
    """A Build step; without a script it waits for the outside."""
    configuration = {"ingredientId": "duck"} | ({"buildScript": script} if script else {})
    return {"name": name, "type": "Build", "configuration": configuration, **more}


def deploy(name: str, target: str = "nest", artifact: str = "*", **more: Any) -> dict[str, Any]:
    configuration = {"target": target, "artifactPath": artifact}
    return {"name": name, "type": "Deploy", "configuration": configuration, **more}


def a_suite(project: Project, script: str, name: str = "unit") -> TestSuite:
    with write():
        return TestSuite.create(project=project, name=name, script=script, updated_by="ann")


def test(name: str, suite: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Test", "configuration": {"testSuite": suite}, **more}


test.__test__ = False  # makes a step, is none of pytest's


def a_workflow(
    *stages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    project: str = "pond",
    name: str = "Release",
    **more: Any,
) -> Workflow:
    """Stages one after the other: a list of steps, or a dictionary with more about the stage."""
    body = {
        "name": name,
        "projectId": project,
        "stages": [
            {
                "name": f"stage {number}",
                "order": number,
                **(stage if isinstance(stage, Mapping) else {"steps": list(stage)}),
            }
            for number, stage in enumerate(stages, 1)
        ],
        **more,
    }
    return workflows.create(parse(body, NewWorkflow), actor=ACTOR).workflow


def start(workflow: Workflow, *, actor: Actor = ACTOR, **parameters: Any) -> Run:
    return start_and_ready(workflow, actor=actor, **parameters)[0]


def start_and_ready(
    workflow: Workflow, *, actor: Actor = ACTOR, **parameters: Any
) -> tuple[Run, list[Ready]]:
    fresh = Workflow.get_by_id(workflow.id)
    with heard() as ready:
        run = start_run(fresh, actor=actor, keys=KEYS, parameters=parameters, trigger_source="test")
    return run, ready


def step_named(run: Run, name: str) -> StepRun:
    return StepRun.get((StepRun.run == run.id) & (StepRun.name == name))


def statuses(run: Run) -> dict[str, str]:
    """Step name → status."""
    return {step.name: step.status for step in StepRun.select().where(StepRun.run == run.id)}


def claimed(step: StepRun, attempt: int = 1) -> Claim:
    """As a worker that has taken the step."""
    held = engine.claim(step.id, attempt, worker="w", host="h", lease_ms=60_000)
    assert held is not None
    return held

"""Run real steps: a stored workflow, a started run, the engine's claim, real scripts."""

from pathlib import Path
from typing import Any

import pytest

from domain import engine
from domain.accounts.access import console
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.models import Environment, Ingredient, Project, Run, StepRun, StepSpec, TestSuite
from domain.releases.storage import Storage, open_storage
from domain.runs.start import start_run
from domain.settings import Settings
from domain.workflows import workflows
from jobs import steps as kinds
from jobs.scripts.log_writer import LogWriter
from jobs.scripts.runner import Result, StopRequest, run_script
from jobs.steps import Outcome, StepContext
from tests.conftest import KINDS
from tests.support.keys import KEYS

ACTOR = console("tester")

on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)
"""For tests that do not depend on the database. test_whole_run.py uses both."""


class Bench:
    """A project `demo` with the ingredient `engine`, and a run to put steps through."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.settings = settings
        self.tmp_path = tmp_path
        self.storage: Storage = open_storage(settings)
        self.stop_request = StopRequest()
        self.project = Project.create(id="demo", name="Demo", created_by="tester")
        self.add_ingredient("engine")
        self.run: Run | None = None

    def add_ingredient(self, name: str, project: str = "demo") -> Ingredient:
        return Ingredient.create(id=name, project=project, name=name, created_by="tester")

    def add_suite(self, script: str, name: str = "unit") -> TestSuite:
        return TestSuite.create(project="demo", name=name, script=script, updated_by="tester")

    def add_environment(
        self, driver: str, settings: dict[str, Any], name: str = "harbour"
    ) -> Environment:
        return Environment.create(
            project="demo", name=name, driver=driver, settings=settings, updated_by="tester"
        )

    def start(self, *steps: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        """Start a run of these steps, with a stage for each. `step` runs the next one."""
        stages = [
            {"name": f"Stage {n}", "order": n, "steps": [{"name": f"Step {n}", **step}]}
            for n, step in enumerate(steps, start=1)
        ]
        count = Run.select().count()
        body = {"name": f"Workflow {count}", "projectId": "demo", "stages": stages}
        detail = workflows.create(parse(body, NewWorkflow), actor=ACTOR)
        self.run = start_run(
            detail.workflow,
            actor=ACTOR,
            keys=KEYS,
            parameters=parameters or {},
            trigger_source="test",
        )

    def step(self, **changes: Any) -> StepRun:
        """Run the ready step, finish it like a worker, and return it."""
        context = self.context(**changes)
        outcome = self.outcome(context)
        return self.finish(context, outcome)

    def steps(self) -> list[StepRun]:
        """Run all ready steps, and those that become ready after them."""
        return [self.step() for _ in iter(lambda: self._due().exists(), False)]

    def build(self, script: str, **parameters: Any) -> StepRun:
        """Start a separate run that only builds `engine` with this script."""
        self.start(build_step(script), parameters=parameters)
        return self.step()

    def context(self, **changes: Any) -> StepContext:
        """Claim the ready step."""
        step = self._due().get()
        claim = engine.claim(step.id, step.attempt, worker="w", host="h", lease_ms=60_000)
        assert claim is not None
        assert self.run is not None
        folder = self.tmp_path / "work" / step.id
        folder.mkdir(parents=True)
        self.log_path = self.tmp_path / f"{step.id}.log"
        given: dict[str, Any] = {
            "claim": claim,
            "step_name": step.name,
            "stage_name": step.stage.name,
            "project_id": self.run.project_id,
            "workflow_name": "The workflow",
            "run_number": self.run.number,
            "triggered_by": "tester",
            "parameters": self.run.parameters,
            "spec": step.stepspec.spec,
            "folder": folder,
            "log": LogWriter(self.log_path),
            "settings": self.settings,
            "secrets": {},
            "run_script": self._run_script,
        }
        return StepContext(**(given | changes))

    def outcome(self, context: StepContext) -> Outcome:
        self._log = context.log
        outcome = kinds.KINDS[StepRun.get_by_id(context.claim.step_id).type](context)
        context.log.close()
        return outcome

    def finish(self, context: StepContext, outcome: Outcome) -> StepRun:
        ending = engine.Ending(
            outcome.status, outcome.message, outcome.exit_code, 0, outcome.record
        )
        engine.finish(context.claim, ending)
        return StepRun.get_by_id(context.claim.step_id)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def _due(self) -> Any:
        return (
            StepRun.select(StepRun, StepSpec)
            .join(StepSpec)
            .where(
                (StepRun.run == self.run)
                & (StepRun.status == "Pending")
                & StepRun.ready_at.is_null(False)
            )
            .order_by(StepRun.id)
        )

    def _run_script(self, text: str, environment: dict[str, str], cwd: Path) -> Result:
        script = cwd.parent / "script"
        script.write_text(text)
        return run_script(
            script,
            cwd=cwd,
            env=environment,
            output=self._log.write,
            stop_request=self.stop_request,
            timeout_seconds=30,
            grace_seconds=5,
        )


def build_step(script: str, ingredient: str = "engine") -> dict[str, Any]:
    configuration = {"ingredientId": ingredient, "buildScript": script}
    return {"type": "Build", "configuration": configuration}


def suite_step(*releases: str, suite: str = "unit") -> dict[str, Any]:
    configuration = {"testSuite": suite, "releaseIds": list(releases)}
    return {"type": "Test", "configuration": configuration}


def deploy_step(artifact: str, target: str = "harbour") -> dict[str, Any]:
    return {"type": "Deploy", "configuration": {"target": target, "artifactPath": artifact}}

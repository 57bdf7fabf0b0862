"""Rows to ask for: one of everything, made new for each request that may change it."""

import itertools

from flask import Flask

from domain.accounts import tokens
from domain.accounts.access import console
from domain.logs import uploads
from domain.models import (
    Deployment,
    Environment,
    Ingredient,
    Member,
    Package,
    Project,
    Release,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestResult,
    TestSuite,
    User,
    Workflow,
    WorkflowRevision,
    new_id,
)
from domain.projects import secrets as project_secrets
from domain.releases.storage import open_storage
from domain.runs.step_specs import RunPart, Seal, StepPart
from tests.support.people import Person


class World:
    """Makes things in one project. Every name is used once."""

    def __init__(self, app: Flask, project: Project) -> None:
        self.settings = app.config["GALLEY"]
        self._keys = app.extensions["galley_keys"]
        self.project = project
        self._numbers = itertools.count(1)

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers)}"

    def later_id(self) -> str:
        """An id that sorts after all before: `new_id` cannot promise that within a millisecond."""
        return f"{next(self._numbers):024x}"

    def username(self) -> str:
        return User.create(username=self.name("user")).username

    def member(self) -> str:
        user = User.create(username=self.name("member"))
        Member.create(project=self.project, user=user, role="User")
        return user.username

    def token(self, person: Person) -> str:
        return tokens.create_token(console(), person.user, self.name("token"))[0].id

    def test_suite(self) -> str:
        row = TestSuite.create(
            project=self.project, name=self.name("suite"), script="true", updated_by="test"
        )
        return row.name

    def secret(self) -> str:
        name = f"SECRET_{next(self._numbers)}"
        project_secrets.put_secret(console(), self.project, name, "correct horse", self._keys)
        return name

    def environment(self) -> Environment:
        return Environment.create(
            project=self.project,
            name=self.name("place"),
            driver="script",
            settings={"script": "true"},
            updated_by="test",
        )

    def deployment(self, environment: Environment, status: str = "Succeeded") -> Deployment:
        return Deployment.create(
            id=self.later_id(),
            environment=environment,
            status=status,
            artifact="a.txt",
            run_id=new_id(),
            step_run_id=new_id(),
            attempt=1,
            deployed_by="test",
        )

    def ingredient(self) -> Ingredient:
        name = self.name("part")
        return Ingredient.create(id=name, project=self.project, name=name, created_by="test")

    def release(self, ingredient: Ingredient | None = None) -> Release:
        return Release.create(
            id=self.later_id(),
            ingredient=ingredient or self.ingredient(),
            version=self.name("v"),
            created_by="test",
        )

    def package(self, release: Release, path: str = "a b/ü.txt", data: bytes = b"<p>hi") -> Package:
        """With its bytes in the storage."""
        source = self.settings.data_dir / "source"
        source.write_bytes(data)
        with source.open("rb") as file:
            stored = open_storage(self.settings).put(file)
        return Package.create(release=release, path=path, size=stored.size, sha256=stored.sha256)

    def workflow(self) -> Workflow:
        """One stage with one Build step, saved once."""
        name = self.name("workflow")
        step = {
            "id": new_id(),
            "name": "build",
            "type": "Build",
            "configuration": {"ingredientId": self.ingredient().id, "buildScript": "true"},
            "timeoutSeconds": 60,
            "retries": 0,
            "queue": "default",
        }
        stage = {"id": new_id(), "name": "one", "order": 1, "runIf": "success", "approval": None}
        row = Workflow.create(
            project=self.project,
            name=name,
            name_key=name,
            stage_count=1,
            step_count=1,
            created_by="test",
            updated_by="test",
        )
        definition = {
            "name": name,
            "description": "",
            "parameters": None,
            "concurrency": None,
            "stages": [{**stage, "steps": [step]}],
        }
        WorkflowRevision.create(workflow=row, number=1, definition=definition, created_by="test")
        return row

    def run(self, **step: object) -> StepRun:
        """A run of one step, which waits; `step` are columns of the step."""
        workflow = self.workflow()
        Workflow.update(run_count=1).where(Workflow.id == workflow.id).execute()
        run = Run.create(
            workflow=workflow,
            project_id=self.project.id,
            number=1,
            revision=1,
            trigger_source="test",
            triggered_by="test",
        )
        stage = StageRun.create(run=run, position=0, order=1, name="one", run_if="success")
        row = StepRun.create(
            **{
                "run": run,
                "stage": stage,
                "position": 0,
                "name": "build",
                "type": "Build",
                "queue": "default",
                "timeout_seconds": 60,
                **step,
            }
        )
        configuration = workflow.revisions[0].definition["stages"][0]["steps"][0]["configuration"]
        spec = {
            "ingredientId": configuration["ingredientId"],
            "script": configuration["buildScript"],
        }
        if row.type != "Build":
            spec |= {"releaseIds": [], "artifactPath": "a.txt"}
        part = RunPart(run.id, run.project_id, run.number, run.triggered_by, run.parameters)
        signature = Seal(self._keys, part).sign(
            StepPart(
                step_id=row.id,
                stage_name=stage.name,
                name=row.name,
                type=row.type,
                queue=row.queue,
                timeout_seconds=row.timeout_seconds,
                lock_key=row.lock_key,
                spec=spec,
            )
        )
        StepSpec.create(step=row, spec=spec, signature=signature)
        return row

    def uploaded(self, step: StepRun, content: bytes = b"ok\n") -> str:
        """The name of a log file that was added to the step's run."""
        name = self.name("log")
        with uploads.inbox(self.settings.data_dir, step.run) as inbox:
            inbox.add("/file", name, [content])
            inbox.store(console())
        return name

    def ended_run(self, **step: object) -> StepRun:
        """A run that failed; `step` are columns of its only step."""
        row = self.run(**{"status": "Failed", "completed_at": 1, **step})
        Run.update(status="Failed", completed_at=1).where(Run.id == row.run_id).execute()
        return row

    def test_result(self, step: StepRun, result: str = "Pass", attempt: int = 1) -> str:
        """A test of the step; its id."""
        row = TestResult.create(step=step, attempt=attempt, name=self.name("test"), result=result)
        return row.id

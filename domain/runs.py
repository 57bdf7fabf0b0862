"""Starting runs, and who may decide about their stages."""

from collections.abc import Callable, Mapping
from typing import Any

from domain import audit, engine
from domain.access import ROLES, SUPER_USER, USER, Actor, require, require_write
from domain.clock import now
from domain.engine import Ready
from domain.errors import Conflict, Invalid
from domain.models import (
    Environment,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestSuite,
    Workflow,
    WorkflowRevision,
    given,
    new_id,
    write,
)
from domain.models.statements import Statement
from domain.parameters import check_parameters
from domain.statuses import PENDING
from domain.workflow_queries import missing_references


def start(
    workflow: Workflow,
    *,
    actor: Actor,
    parameters: Mapping[str, Any],
    trigger_source: str,
    within: Callable[[Run], None] | None = None,
) -> tuple[Run, list[Ready]]:
    """Make a run of the present revision, with everything its steps need fixed in it.

    parameters: as given; checked here against the declared ones. within: called with the run
    inside the transaction, for what must be stored with it or not at all.
    Returns the run and the steps to ring for. Raises Conflict, Invalid.
    """
    if not workflow.is_enabled:
        raise Conflict(
            "The workflow is switched off; a superuser can switch it on.", code="workflow_disabled"
        )
    definition = _definition_of(workflow)
    values = check_parameters(definition["parameters"], parameters)
    faults = missing_references(workflow.project_id, definition)
    if faults:
        raise Invalid(faults, "The workflow names what does not exist.")
    try:
        stages, steps, specs = _rows(definition, _Snapshot(workflow.project_id))
    except (TestSuite.DoesNotExist, Environment.DoesNotExist):
        raise Conflict("What the workflow names was deleted at this very moment.") from None
    with write():
        run = _create_run(workflow, actor, values, trigger_source)
        for stage in stages:
            stage["run"] = run.id
        StageRun.insert_many(stages).execute()
        for step in steps:
            _NEW_STEP.change(run_id=run.id, **step)
        StepSpec.insert_many(specs).execute()
        audit.record(actor, "start", "run", run.id, project_id=run.project_id)
        if within:
            within(run)
        ready = engine.advance_in_transaction(run.id)
    return run, ready


def _definition_of(workflow: Workflow) -> dict[str, Any]:
    revision = WorkflowRevision.get(
        (WorkflowRevision.workflow == workflow.id) & (WorkflowRevision.number == workflow.revision)
    )
    definition: dict[str, Any] = revision.definition
    return definition


def _create_run(
    workflow: Workflow, actor: Actor, parameters: dict[str, Any], trigger_source: str
) -> Run:
    """Number the run and let it in, or hold it back; the workflow's row is locked from here on.

    Raises Conflict when the workflow was changed or deleted since its definition was read.
    """
    run_id, at = new_id(), now()
    rows = list(
        Workflow.update(run_count=Workflow.run_count + 1, last_run_id=run_id, last_run_at=at)
        .where(
            (Workflow.id == workflow.id)
            & (Workflow.revision == workflow.revision)
            & Workflow.deleted_at.is_null()
            & Workflow.is_enabled
        )
        .returning(Workflow.run_count, Workflow.concurrency)
        .execute()
    )
    if not rows:
        raise Conflict("The workflow was changed at this very moment; start it again.")
    limit = rows[0].concurrency
    return Run.create(
        id=run_id,
        workflow=workflow.id,
        project_id=workflow.project_id,
        number=rows[0].run_count,
        revision=workflow.revision,
        admitted=_has_room(workflow.id, limit),
        parameters=parameters,
        trigger_source=trigger_source,
        triggered_by=actor.username,
        created_at=at,
    )


def _has_room(workflow_id: str, limit: int | None) -> bool:
    """Whether a new run may start at once; none overtakes those that wait."""
    if limit is None:
        return True
    waiting = engine.oldest_held_back(workflow_id) is not None
    return not waiting and engine.count_in_progress(workflow_id) < limit


class _Snapshot:
    """What the steps of a definition name, as it is now: suites and environments."""

    def __init__(self, project_id: str) -> None:
        self._project_id = project_id
        self._suites: dict[str, TestSuite] = {}
        self._environments: dict[str, Environment] = {}

    def spec(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """All a worker needs to run the step, whatever is edited meanwhile."""
        configuration = step["configuration"]
        if step["type"] == "Build":
            return {
                "ingredientId": configuration["ingredientId"],
                "script": configuration.get("buildScript"),
            }
        if step["type"] == "Test":
            return self._test_spec(configuration)
        environment = self._environment(configuration["target"])
        return {
            "target": environment.name,
            "environmentId": environment.id,
            "driver": environment.driver,
            "settings": environment.settings,
            "artifactPath": configuration["artifactPath"],
        }

    def _test_spec(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        suite = self._suite(configuration["testSuite"])
        return {
            "suite": suite.name,
            "script": suite.script,
            "timeoutSeconds": suite.timeout_seconds,
            "releaseIds": configuration.get("releaseIds") or [],
        }

    def _suite(self, name: str) -> TestSuite:
        if name not in self._suites:
            self._suites[name] = TestSuite.get(
                (TestSuite.project == self._project_id) & (TestSuite.name == name)
            )
        return self._suites[name]

    def _environment(self, name: str) -> Environment:
        if name not in self._environments:
            self._environments[name] = Environment.get(
                (Environment.project == self._project_id) & (Environment.name == name)
            )
        return self._environments[name]

    def lock_key(self, step: Mapping[str, Any]) -> str | None:
        if step["type"] != "Deploy":
            return None
        return f"environment:{self._environment(step['configuration']['target']).id}"

    def approval(self, stage: Mapping[str, Any]) -> dict[str, Any] | None:
        """Who has to approve: what the stage asks for, or an environment it deploys to."""
        asked = stage.get("approval") or {}
        roles = list(asked.get("roles") or [SUPER_USER]) if asked.get("required") else []
        targets = (
            self._environment(step["configuration"]["target"])
            for step in stage["steps"]
            if step["type"] == "Deploy"
        )
        if any(environment.requires_approval for environment in targets):
            roles = [role for role in roles if role != USER] or [SUPER_USER]
        return {"required": True, "roles": roles} if roles else None


def _rows(
    definition: Mapping[str, Any], snapshot: _Snapshot
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of a run's stages, steps and step specs, in order; all with the same columns."""
    stages, steps, specs = [], [], []
    for position, stage in enumerate(definition["stages"]):
        stage_id = new_id()
        stages.append(
            {
                "id": stage_id,
                "position": position,
                "order": stage["order"],
                "name": stage["name"],
                "run_if": stage["runIf"],
                "approval": snapshot.approval(stage),
            }
        )
        for place, step in enumerate(stage["steps"]):
            spec = snapshot.spec(step)
            row = _step_row(step, spec, stage_id, place, snapshot.lock_key(step))
            steps.append(row)
            specs.append({"step": row["id"], "spec": spec})
    return stages, steps, specs


def _step_row(
    step: Mapping[str, Any], spec: Mapping[str, Any], stage_id: str, place: int, lock: str | None
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "stage_id": stage_id,
        "position": place,
        "name": step["name"],
        "type": step["type"],
        "queue": step["queue"],
        "is_outside": step["type"] == "Build" and not spec["script"],
        "timeout_seconds": step["timeoutSeconds"],
        "retries": step["retries"],
        "lock_key": lock,
    }


_NEW_STEP = Statement(
    lambda: StepRun.insert(
        id=given("id"),
        run=given("run_id"),
        stage=given("stage_id"),
        position=given("position"),
        name=given("name"),
        type=given("type"),
        queue=given("queue"),
        is_outside=given("is_outside"),
        timeout_seconds=given("timeout_seconds"),
        retries=given("retries"),
        lock_key=given("lock_key"),
        status=PENDING,
        message="",
        attempt=1,
        log_size=0,
        bell=0,
        cancel_requested=False,
    )
)


def approver_role(stage: StageRun) -> str:
    """The least of the roles that may approve or reject the stage."""
    roles = (stage.approval or {}).get("roles") or [SUPER_USER]
    least: str = min(roles, key=ROLES.index)
    return least


def may_decide(run: Run, stage: StageRun, actor: Actor) -> bool:
    """Whether the actor may approve or reject a stage of the run: never with a read-only token."""
    return actor.may_write and actor.may(approver_role(stage), run.project_id)


def require_approver(stage: StageRun, actor: Actor) -> None:
    """Raises Forbidden unless the actor may approve or reject the stage."""
    require(actor, approver_role(stage), stage.run.project_id, kind="run", name=stage.run_id)
    require_write(actor)

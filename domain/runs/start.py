"""Starting runs, and who may decide about their stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain import engine
from domain.accounts import audit
from domain.accounts.access import Actor
from domain.clock import now
from domain.definitions.parameters import check_parameters
from domain.engine import Ready
from domain.errors import Conflict, Invalid, state
from domain.models import (
    Environment,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestSuite,
    Workflow,
    given,
    new_id,
    write,
)
from domain.models.statements import Statement
from domain.runs.step_specs import RunPart, Seal, Snapshot, StepPart
from domain.secret_key import Keys
from domain.statuses import PENDING
from domain.workflows.queries import get_revision, missing_references


@dataclass(frozen=True)
class Plan:
    """A run that may be started: all that was checked, and its rows."""

    workflow: Workflow
    revision: int
    parameters: dict[str, Any]
    stages: list[dict[str, Any]]
    """Columns of StageRun, in the order of execution."""
    steps: list[dict[str, Any]]
    """Columns of StepRun, in the order of their stages."""
    specs: dict[str, dict[str, Any]]
    """What the worker of each step, by its id, has to know."""


def start(
    workflow: Workflow,
    *,
    actor: Actor,
    keys: Keys,
    parameters: Mapping[str, Any],
    trigger_source: str,
    within: Callable[[Run], None] | None = None,
) -> tuple[Run, list[Ready]]:
    """Make a run of the present revision, with everything its steps need fixed in it.

    parameters: as given; checked here against the declared ones. within: see `launch`.
    Returns the run and the steps to ring for. Raises Conflict, Invalid.
    """
    plan = prepare(workflow, workflow.revision, parameters)
    return launch(plan, actor=actor, keys=keys, trigger_source=trigger_source, within=within)


def prepare(workflow: Workflow, revision: int, parameters: Mapping[str, Any]) -> Plan:
    """What a run of that revision would be, if it can be started. Raises Conflict, Invalid."""
    if not workflow.is_enabled:
        raise Conflict(
            "The workflow is switched off; a superuser can switch it on.",
            code="workflow_disabled",
            details=[state("workflow_disabled", "isEnabled is false.", isEnabled=False)],
        )
    definition = get_revision(workflow, revision).definition
    values = check_parameters(definition["parameters"], parameters)
    faults = missing_references(workflow.project_id, definition)
    if faults:
        raise Invalid(faults, "The workflow names what does not exist.")
    try:
        rows = _rows(definition, Snapshot(workflow.project_id))
    except (TestSuite.DoesNotExist, Environment.DoesNotExist):
        raise Conflict(
            "What the workflow names was deleted at this very moment.",
            details=missing_references(workflow.project_id, definition),
        ) from None
    return Plan(workflow, revision, values, *rows)


def launch(
    plan: Plan,
    *,
    actor: Actor,
    keys: Keys,
    trigger_source: str,
    rerun_of: str | None = None,
    within: Callable[[Run], None] | None = None,
) -> tuple[Run, list[Ready]]:
    """Store the run, sign its steps and open its first stage, in one transaction.

    within: called with the run inside the transaction, before anything of it can begin: for what
    must be stored with it or not at all.
    Returns the run and the steps to ring for. Raises Conflict.
    """
    with write():
        run = _create_run(plan, actor, trigger_source, rerun_of)
        StageRun.insert_many([{**stage, "run": run.id} for stage in plan.stages]).execute()
        for step in plan.steps:
            _NEW_STEP.change(run_id=run.id, **step)
        StepSpec.insert_many(_signed_specs(plan, run, keys)).execute()
        audit.record(
            actor,
            "rerun" if rerun_of else "start",
            "run",
            run.id,
            project_id=run.project_id,
            detail={"rerunOf": rerun_of} if rerun_of else None,
        )
        if within:
            within(run)
        ready = engine.advance_in_transaction(run.id)
    return run, ready


def _create_run(plan: Plan, actor: Actor, trigger_source: str, rerun_of: str | None) -> Run:
    """Number the run and let it in, or hold it back; the workflow's row is locked from here on.

    Raises Conflict when the workflow was changed or deleted since its definition was read.
    """
    workflow = plan.workflow
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
        raise _changed(Workflow.get_by_id(workflow.id))
    limit = rows[0].concurrency
    return Run.create(
        id=run_id,
        workflow=workflow.id,
        project_id=workflow.project_id,
        number=rows[0].run_count,
        revision=plan.revision,
        admitted=_has_room(workflow.id, limit),
        parameters=plan.parameters,
        rerun_of=rerun_of,
        trigger_source=trigger_source,
        triggered_by=actor.username,
        created_at=at,
    )


def _changed(present: Workflow) -> Conflict:
    is_there = present.deleted_at is None
    now_it_is = f"at revision {present.revision}" if is_there else "deleted"
    return Conflict(
        "The workflow was changed at this very moment; start it again.",
        details=[
            state(
                "workflow_changed",
                f"It is {now_it_is}.",
                revision=present.revision,
                isEnabled=present.is_enabled and is_there,
            )
        ],
    )


def _has_room(workflow_id: str, limit: int | None) -> bool:
    """Whether a new run may start at once; none overtakes those that wait."""
    if limit is None:
        return True
    waiting = engine.oldest_held_back(workflow_id) is not None
    return not waiting and engine.count_in_progress(workflow_id) < limit


def _rows(
    definition: Mapping[str, Any], snapshot: Snapshot
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Stages, steps and specs as in a Plan; all rows of one kind with the same columns."""
    stages, steps, specs = [], [], {}
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
            specs[row["id"]] = spec
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


def _signed_specs(plan: Plan, run: Run, keys: Keys) -> list[dict[str, Any]]:
    """Rows of StepSpec."""
    seal = Seal(
        keys, RunPart(run.id, run.project_id, run.number, run.triggered_by, plan.parameters)
    )
    stage_names = {stage["id"]: stage["name"] for stage in plan.stages}
    rows = []
    for step in plan.steps:
        spec = plan.specs[step["id"]]
        part = StepPart(
            step_id=step["id"],
            stage_name=stage_names[step["stage_id"]],
            name=step["name"],
            type=step["type"],
            queue=step["queue"],
            timeout_seconds=step["timeout_seconds"],
            lock_key=step["lock_key"],
            spec=spec,
        )
        rows.append({"step": step["id"], "spec": spec, "signature": seal.sign(part)})
    return rows


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

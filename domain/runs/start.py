"""Starts of runs: everything is checked first, and then stored in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain import engine
from domain.accounts import audit, idempotency
from domain.accounts.access import Actor
from domain.clock import now
from domain.definitions.parameters import check_parameters
from domain.errors import Conflict, Invalid, conflict
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
from domain.runs.step_specs import RunPart, Seal, Snapshot, part_of
from domain.secret_key import Keys
from domain.statuses import PENDING
from domain.workflows.queries import get_revision, missing_references


@dataclass(frozen=True)
class Plan:
    """A run that may be started: the checked parameters, and its rows."""

    workflow: Workflow
    revision: int
    parameters: dict[str, Any]
    stages: list[dict[str, Any]]
    """Columns of StageRun, in the order of execution."""
    steps: list[dict[str, Any]]
    """Columns of StepRun, in the order of their stages."""
    specs: dict[str, dict[str, Any]]
    """The spec of each step by its id: everything a worker needs to run it."""


def start_run(
    workflow: Workflow,
    *,
    actor: Actor,
    keys: Keys,
    parameters: Mapping[str, Any],
    trigger_source: str,
) -> Run:
    """Start a run of the present revision, with everything its steps need fixed in it.

    parameters: not checked yet. Raises Conflict, Invalid.
    """
    plan = prepare(workflow, workflow.revision, parameters)
    with write():
        run = store(plan, actor=actor, keys=keys, trigger_source=trigger_source)
        engine.advance_in_transaction(run.id)
    return run


def prepare(workflow: Workflow, revision: int, parameters: Mapping[str, Any]) -> Plan:
    """Return the run that a start of that revision would store. Raises Conflict, Invalid."""
    if not workflow.is_enabled:
        raise conflict(
            "workflow_disabled",
            "The workflow is switched off; a superuser can switch it on.",
            "isEnabled is false.",
            isEnabled=False,
        )
    definition = get_revision(workflow, revision).definition
    values = check_parameters(definition["parameters"], parameters)
    faults = missing_references(workflow.project_id, definition)
    if faults:
        raise Invalid(faults, "The workflow refers to something that does not exist.")
    try:
        rows = _rows(definition, Snapshot(workflow.project_id))
    except (TestSuite.DoesNotExist, Environment.DoesNotExist):
        raise Conflict(
            "Something that the workflow refers to has just been deleted.",
            details=missing_references(workflow.project_id, definition),
        ) from None
    return Plan(workflow, revision, values, *rows)


def store(
    plan: Plan, *, actor: Actor, keys: Keys, trigger_source: str, rerun_of: str | None = None
) -> Run:
    """Store the run and sign its steps, in the caller's transaction, which then advances it.

    Raises Conflict.
    """
    run = _create_run(plan, actor, trigger_source, rerun_of)
    idempotency.store_answer(run)
    StageRun.insert_many([{**stage, "run": run.id} for stage in plan.stages]).execute()
    for step in plan.steps:
        _NEW_STEP.change(run=run.id, **step)
    StepSpec.insert_many(_signed_specs(plan, run, keys)).execute()
    audit.record(
        actor,
        "rerun" if rerun_of else "start",
        "run",
        run.id,
        project_id=run.project_id,
        detail={"rerunOf": rerun_of} if rerun_of else None,
    )
    return run


def _create_run(plan: Plan, actor: Actor, trigger_source: str, rerun_of: str | None) -> Run:
    """Create the run, admitted or held back; the workflow's row is locked from here on.

    Raises Conflict: the workflow was changed or deleted after its definition was read.
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
    exists = present.deleted_at is None
    return conflict(
        "workflow_changed",
        "The workflow has just been changed; start the run again.",
        f"It is {f'at revision {present.revision}' if exists else 'deleted'}.",
        revision=present.revision,
        isEnabled=present.is_enabled and exists,
    )


def _has_room(workflow_id: str, limit: int | None) -> bool:
    """Return whether a new run may start at once. It never overtakes a held-back run."""
    if limit is None:
        return True
    waiting = engine.oldest_held_back(workflow_id) is not None
    return not waiting and engine.count_in_progress(workflow_id) < limit


def _rows(
    definition: Mapping[str, Any], snapshot: Snapshot
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return stages, steps and specs as in a Plan; rows of one kind have the same columns."""
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
        "stage": stage_id,
        "position": place,
        "name": step["name"],
        "type": step["type"],
        "queue": step["queue"],
        "is_outside": step["type"] == "Build" and not spec["script"],
        "timeout_seconds": step["timeoutSeconds"],
        "retries": step["retries"],
        "lock_key": lock,
    }


_GIVEN = (
    *("id", "run", "stage", "position", "name", "type", "queue"),
    *("is_outside", "timeout_seconds", "retries", "lock_key"),
)
_NEW_STEP = Statement(
    lambda: StepRun.insert(
        **{name: given(name) for name in _GIVEN},
        status=PENDING,
        message="",
        attempt=1,
        log_size=0,
        bell=0,
        cancel_requested=False,
    )
)


def _signed_specs(plan: Plan, run: Run, keys: Keys) -> list[dict[str, Any]]:
    """Return rows of StepSpec."""
    seal = Seal(
        keys, RunPart(run.id, run.project_id, run.number, run.triggered_by, plan.parameters)
    )
    stages = {stage["id"]: stage["name"] for stage in plan.stages}
    rows = []
    for step in plan.steps:
        spec = plan.specs[step["id"]]
        part = part_of(step, stages[step["stage"]], spec)
        rows.append({"step": step["id"], "spec": spec, "signature": seal.sign(part)})
    return rows

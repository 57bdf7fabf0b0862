"""Create, change and delete workflows. Every save is a new revision, kept forever."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from peewee import IntegrityError

from domain.accounts import access, audit, idempotency
from domain.accounts.access import Actor
from domain.clock import now, rfc3339
from domain.definitions.normalize import normalize
from domain.errors import Conflict, FieldError, StaleRevision, state
from domain.models import Run, Workflow, WorkflowRevision, locked, write
from domain.workflows.queries import Detail, get_revision, missing_references

MAX_NAME = 200

if TYPE_CHECKING:  # processes that only start runs do not load pydantic
    from domain.definitions.schema import ChangedWorkflow, Definition, NewWorkflow


def version_of(workflow: Workflow) -> str:
    """Return the version for If-Match, which changes with every change of the workflow."""
    return f"{workflow.id}-{workflow.revision}-{workflow.updated_at:x}"


def create(
    new: NewWorkflow,
    *,
    actor: Actor,
    comment: str = "",
) -> Detail:
    """Store a checked definition as revision 1. The caller checks the role in the project.

    comment: for the history.
    Raises Conflict `duplicate_name`, Invalid `unknown_id`.
    """
    plain = normalize(new)
    at = now()
    with write():
        try:
            workflow = Workflow.create(
                project=new.project_id,
                is_enabled=new.is_enabled,
                created_by=actor.username,
                created_at=at,
                updated_by=actor.username,
                updated_at=at,
                **_columns(new),
            )
        except IntegrityError as error:
            raise _name_taken(error, new.project_id, new.name) from error
        made = _save_revision(workflow, plain, actor, comment)
        _record(actor, "create", workflow)
        idempotency.store_answer(made)
    return made


def update(
    workflow: Workflow,
    changed: ChangedWorkflow,
    *,
    actor: Actor,
    if_match: Collection[str] | None = None,
    comment: str = "",
) -> Detail:
    """Replace the definition. Every save creates a revision, even if it changes nothing.

    comment: for the history. if_match: the versions (`version_of`) that may be replaced; None for
    any. Raises StaleRevision, NotFound (deleted meanwhile), Conflict `duplicate_name`, Invalid.
    """
    columns = _columns(changed)
    if changed.is_enabled is not None:
        columns["is_enabled"] = changed.is_enabled
    with write():
        before = locked(Workflow.select().where(Workflow.id == workflow.id)).get()
        try:
            saved = _change(
                workflow, if_match, revision=Workflow.revision + 1, **_stamp(actor), **columns
            )
        except IntegrityError as error:
            raise _name_taken(error, workflow.project_id, changed.name) from error
        plain = normalize(changed, definitions(saved, saved.revision - 1))
        made = _save_revision(saved, plain, actor, comment)
        _record(actor, "update", saved, _changes(before, made))
    return made


def switch(workflow: Workflow, is_enabled: bool, *, actor: Actor) -> Workflow:
    """Enable or disable the start of runs, without a new revision. Raises NotFound."""
    with write():
        saved = _change(workflow, None, is_enabled=is_enabled, **_stamp(actor))
        _record(actor, "enable" if is_enabled else "disable", saved)
    return saved


def delete(workflow: Workflow, *, actor: Actor, if_match: Collection[str] | None = None) -> None:
    """Mark a workflow as deleted. Its runs and releases stay traceable.

    Raises Conflict `workflow_has_active_runs`, StaleRevision, NotFound.
    """
    with write():
        # Locking the workflow's row first keeps runs from starting, so none is overlooked.
        _change(workflow, if_match, deleted_at=now(), **_stamp(actor))
        active = list(
            Run.select(Run.id, Run.number, Run.status)
            .where((Run.workflow == workflow.id) & Run.completed_at.is_null())
            .order_by(Run.number)
            .limit(10)
        )
        if active:
            raise _has_active_runs(active)
        _record(actor, "delete", workflow)


def restore(workflow: Workflow, *, actor: Actor) -> Workflow:
    """Undo a deletion. Raises Conflict `duplicate_name` if the name was taken meanwhile."""
    try:
        with write():
            deleted = (Workflow.id == workflow.id) & ~Workflow.deleted_at.is_null()
            if Workflow.update(deleted_at=None, **_stamp(actor)).where(deleted).execute():
                _record(actor, "restore", workflow)
    except IntegrityError as error:
        raise _name_taken(error, workflow.project_id, workflow.name) from error
    return Workflow.get_by_id(workflow.id)


def copy(workflow: Workflow, *, actor: Actor) -> Detail:
    """Create a disabled copy under a free name. Raises Conflict if every name tried is taken."""
    from domain.definitions.schema import NewWorkflow

    definition = get_revision(workflow, workflow.revision).definition
    for name in _names_of_copies(workflow.name):
        if not name_errors(workflow.project_id, name):
            break
    body = {
        **_without_ids(definition),
        "name": name,
        "projectId": workflow.project_id,
        "isEnabled": False,
    }
    return create(NewWorkflow.model_validate(body), actor=actor)


def _names_of_copies(name: str) -> Iterator[str]:
    for number in range(1, 1000):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        yield name[: MAX_NAME - len(suffix)] + suffix


def _without_ids(part: Any) -> Any:
    """Drop the ids of stages and steps, which will get ids of their own."""
    if isinstance(part, dict):
        return {key: _without_ids(value) for key, value in part.items() if key != "id"}
    return [_without_ids(item) for item in part] if isinstance(part, list) else part


def _columns(new: Definition) -> dict[str, Any]:
    """Return the parts of a definition that are needed without reading its revision."""
    return {
        "name": new.name,
        "name_key": new.name.casefold(),
        "description": new.description,
        "concurrency": new.concurrency,
        "stage_count": len(new.stages),
        "step_count": sum(len(stage.steps) for stage in new.stages),
    }


def _change(workflow: Workflow, if_match: Collection[str] | None, **columns: Any) -> Workflow:
    """Change and lock the row unless it was deleted or its version does not match.

    Returns the changed row. Raises NotFound, StaleRevision.
    """
    same = (Workflow.id == workflow.id) & Workflow.deleted_at.is_null()
    if if_match is not None:
        if version_of(workflow) not in if_match:
            raise _stale(workflow, if_match)
        same &= Workflow.revision == workflow.revision
        same &= Workflow.updated_at == workflow.updated_at
    rows = list(Workflow.update(**columns).where(same).returning(Workflow).execute())
    if rows:
        return rows[0]
    current = Workflow.get_by_id(workflow.id)
    if current.deleted_at is not None:
        raise access.missing("workflow", workflow.id)
    raise _stale(current, if_match or ())


def _stamp(actor: Actor) -> dict[str, Any]:
    return {"updated_at": now(), "updated_by": actor.username}


def _save_revision(workflow: Workflow, plain: dict[str, Any], actor: Actor, comment: str) -> Detail:
    WorkflowRevision.create(
        comment=comment,
        workflow=workflow.id,
        number=workflow.revision,
        definition=plain,
        created_by=actor.username,
        created_at=workflow.updated_at,
    )
    return Detail(workflow, plain, missing_references(workflow.project_id, plain))


def definitions(workflow: Workflow, newest: int) -> Iterator[dict[str, Any]]:
    """Yield the workflow's definitions from revision `newest` back, each read when needed."""
    for number in range(newest, 0, -1):
        yield get_revision(workflow, number).definition


def _changes(before: Workflow, made: Detail) -> dict[str, Any]:
    """Return the audit detail of a save, which only names stages and parameters."""
    old = get_revision(before, before.revision).definition
    return audit.changed(
        {**old, "isEnabled": before.is_enabled},
        {**made.definition, "isEnabled": made.workflow.is_enabled},
    )


def _record(
    actor: Actor, action: str, workflow: Workflow, more: Mapping[str, Any] | None = None
) -> None:
    detail = {"name": workflow.name, "revision": workflow.revision, **(more or {})}
    audit.record(
        actor, action, "workflow", workflow.id, project_id=workflow.project_id, detail=detail
    )


def name_errors(project_id: str, name: str, *, but: Workflow | None = None) -> list[FieldError]:
    """Return an error if a workflow of the project other than `but` has the name."""
    same = (Workflow.project == project_id) & (Workflow.name_key == name.casefold())
    others = Workflow.select(Workflow.id).where(same & Workflow.deleted_at.is_null())
    if but is not None:
        others = others.where(Workflow.id != but.id)
    return [_taken(project_id, name)] if others.exists() else []


def _name_taken(error: IntegrityError, project_id: str, name: str) -> Exception:
    """Return a Conflict if the name is taken. Any other broken constraint is a bug."""
    if "name_key" not in str(error) and "workflow_name_unique" not in str(error):
        return error
    taken = _taken(project_id, name)
    return Conflict(taken.message, code=taken.code, details=[taken])


def _taken(project_id: str, name: str) -> FieldError:
    message = f"The project {project_id} already has a workflow named {name!r} (case is ignored)."
    return FieldError("/name", "duplicate_name", message)


def _stale(current: Workflow, if_match: Collection[str]) -> StaleRevision:
    """Name the other person only if the caller really has an older version."""
    had_one = any(version.startswith(f"{current.id}-") for version in if_match)
    reason = (
        f"{current.updated_by} changed this workflow meanwhile"
        if had_one
        else "If-Match names no version of this workflow"
    )
    return StaleRevision(
        f"{reason}; it is now at revision {current.revision}.",
        currentRevision=current.revision,
        updatedBy=current.updated_by,
        updatedAt=rfc3339(current.updated_at),
    )


def _has_active_runs(active: Collection[Run]) -> Conflict:
    return Conflict(
        "The workflow has runs in progress. Wait for them or abort them first.",
        code="workflow_has_active_runs",
        details=[
            state(
                "run_in_progress",
                f"Run {run.number} is {run.status}.",
                runId=run.id,
                status=run.status,
            )
            for run in active
        ],
    )

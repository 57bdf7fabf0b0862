"""Making, changing and deleting workflows. Every save is a new revision, kept for ever."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from peewee import IntegrityError

from domain.accounts import access, audit
from domain.accounts.access import Actor
from domain.clock import now, rfc3339
from domain.definitions.normalize import normalize
from domain.errors import Conflict, FieldError, StaleRevision, state
from domain.models import Run, Workflow, WorkflowRevision, locked, write
from domain.workflows.queries import Detail, get_revision, missing_references

MAX_NAME = 200

if TYPE_CHECKING:  # pydantic is not for the processes that only start runs
    from domain.definitions.schema import ChangedWorkflow, Definition, NewWorkflow


def version_of(workflow: Workflow) -> str:
    """What If-Match is about: it changes with every change of the workflow, and only then."""
    return f"{workflow.id}-{workflow.revision}-{workflow.updated_at:x}"


def create(
    new: NewWorkflow,
    *,
    actor: Actor,
    within: Callable[[Detail], None] | None = None,
    comment: str = "",
) -> Detail:
    """Store a checked definition as revision 1. The caller has checked the role in the project.

    comment: why, for the history. within: called inside the transaction, for what must be stored
    with the workflow or not at all.
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
        if within:
            within(made)
    return made


def update(
    workflow: Workflow,
    changed: ChangedWorkflow,
    *,
    actor: Actor,
    if_match: Collection[str] | None = None,
    comment: str = "",
) -> Detail:
    """Replace the definition; every save makes a revision, also one that changes nothing.

    comment: why, for the history. if_match: the versions (`version_of`) that may be replaced; None:
    whichever is there.
    Raises StaleRevision, NotFound (deleted meanwhile), Conflict `duplicate_name`, Invalid.
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
    """Let runs be started, or not. The definition and its revision stay. Raises NotFound."""
    with write():
        saved = _change(workflow, None, is_enabled=is_enabled, **_stamp(actor))
        _record(actor, "enable" if is_enabled else "disable", saved)
    return saved


def delete(workflow: Workflow, *, actor: Actor, if_match: Collection[str] | None = None) -> None:
    """Take it away for everybody; its runs and what they released stay traceable.

    Raises Conflict `workflow_has_active_runs`, StaleRevision, NotFound.
    """
    with write():
        # First the workflow's row: from here on no run can start, so none is overlooked.
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
    """Take back that it was deleted. Raises Conflict if its name was given away meanwhile."""
    try:
        with write():
            same = (Workflow.id == workflow.id) & ~Workflow.deleted_at.is_null()
            back = Workflow.update(deleted_at=None, **_stamp(actor)).where(same)
            if back.execute():
                _record(actor, "restore", workflow)
    except IntegrityError as error:
        raise _name_taken(error, workflow.project_id, workflow.name) from error
    return Workflow.get_by_id(workflow.id)


def copy(workflow: Workflow, *, actor: Actor) -> Detail:
    """A new workflow that does the same, under a name that is free, switched off for now.

    Raises Conflict if others take every name that it tries.
    """
    from domain.definitions.schema import NewWorkflow

    definition = get_revision(workflow, workflow.revision).definition
    for name in _names_of_copies(workflow.name):
        if not name_faults(workflow.project_id, name):
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
        ending = " (copy)" if number == 1 else f" (copy {number})"
        yield name[: MAX_NAME - len(ending)] + ending


def _without_ids(part: Any) -> Any:
    """A definition whose stages and steps will get ids of their own."""
    if isinstance(part, dict):
        return {key: _without_ids(value) for key, value in part.items() if key != "id"}
    return [_without_ids(item) for item in part] if isinstance(part, list) else part


def _columns(new: Definition) -> dict[str, Any]:
    """What of a definition is asked for without reading its revision."""
    return {
        "name": new.name,
        "name_key": new.name.casefold(),
        "description": new.description,
        "concurrency": new.concurrency,
        "stage_count": len(new.stages),
        "step_count": sum(len(stage.steps) for stage in new.stages),
    }


def _change(workflow: Workflow, if_match: Collection[str] | None, **columns: Any) -> Workflow:
    """Change the row if it is still there and, where that is asked, still as expected.

    From here on the row is locked. Returns it as it is now; raises NotFound, StaleRevision.
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
    present = Workflow.get_by_id(workflow.id)
    if present.deleted_at is not None:
        raise access.missing("workflow", workflow.id)
    raise _stale(present, if_match or ())


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
    """The workflow's definitions from revision `newest` back, each read only when asked for."""
    for number in range(newest, 0, -1):
        yield get_revision(workflow, number).definition


def _changes(before: Workflow, made: Detail) -> dict[str, Any]:
    """What a save changed, for the audit. Of stages and parameters it only says that they did."""
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


def name_faults(project_id: str, name: str, *, but: Workflow | None = None) -> list[FieldError]:
    """What is wrong with a name that another workflow of the project has. but: may have it."""
    same = (Workflow.project == project_id) & (Workflow.name_key == name.casefold())
    others = Workflow.select(Workflow.id).where(same & Workflow.deleted_at.is_null())
    if but is not None:
        others = others.where(Workflow.id != but.id)
    return [_taken(project_id, name)] if others.exists() else []


def _name_taken(error: IntegrityError, project_id: str, name: str) -> Exception:
    """The sentence for a name that is in use; any other broken rule is a mistake of ours."""
    if "name_key" not in str(error) and "workflow_name_unique" not in str(error):
        return error
    fault = _taken(project_id, name)
    return Conflict(fault.message, code=fault.code, details=[fault])


def _taken(project_id: str, name: str) -> FieldError:
    message = f"The project {project_id} already has a workflow named {name!r} (case is ignored)."
    return FieldError("/name", "duplicate_name", message)


def _stale(present: Workflow, if_match: Collection[str]) -> StaleRevision:
    """Somebody is named only where the caller really has an older version."""
    had_one = any(version.startswith(f"{present.id}-") for version in if_match)
    what = (
        f"{present.updated_by} changed this workflow meanwhile"
        if had_one
        else "If-Match names no version of this workflow"
    )
    return StaleRevision(
        f"{what}; it is now at revision {present.revision}.",
        currentRevision=present.revision,
        updatedBy=present.updated_by,
        updatedAt=rfc3339(present.updated_at),
    )


def _has_active_runs(active: Collection[Run]) -> Conflict:
    return Conflict(
        "The workflow has runs in progress; wait for them or abort them first.",
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

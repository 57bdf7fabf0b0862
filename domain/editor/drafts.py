"""Drafts: what somebody edits and has not saved. They are kept at every change, so nothing is lost.

A draft is its person's alone. Every change makes a state; undo and redo go from one to the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peewee import IntegrityError

from domain.accounts.access import Actor, missing
from domain.clock import now
from domain.definitions.merge import Merged, merge
from domain.definitions.schema import ChangedWorkflow, NewWorkflow
from domain.definitions.validate import parse
from domain.editor import operations
from domain.models import Draft, DraftState, Project, Workflow, is_id, locked, write
from domain.workflows import workflows
from domain.workflows.preview import Examined, examine
from domain.workflows.queries import Detail, get_revision

MAX_STATES = 100
"""How many changes can be undone."""


@dataclass(frozen=True)
class Present:
    """A draft as it is now."""

    draft: Draft
    definition: operations.Draft
    said: str
    """What was done last."""
    undoes: str | None
    """What undo would take back; None if there is nothing."""
    redoes: str | None


@dataclass(frozen=True)
class Overtaken:
    """What was saved since a draft was begun, merged with it."""

    merged: Merged
    revision: int
    """The one that it was merged with."""


# ---- finding and making ----------------------------------------------------------------------


def begin(actor: Actor, project: Project, name: str) -> Draft:
    """A draft of a workflow that is not there yet."""
    with write():
        return _new(actor, project.id, None, operations.empty(name, project.id))


def take_up(actor: Actor, workflow: Workflow) -> Draft:
    """The person's draft of a workflow: the one that was begun, else one of what it is now."""
    of_it = (Draft.user == actor.user_id) & (Draft.workflow == workflow.id)
    try:
        with write():
            draft: Draft | None = Draft.get_or_none(of_it)
            is_old = draft is not None and draft.base_revision != workflow.revision
            if draft is not None and is_old and _is_untouched(draft):
                draft.delete_instance()
                draft = None
            return draft or _new(actor, workflow.project_id, workflow, _definition(workflow))
    except IntegrityError:  # another tab was faster
        return Draft.get(of_it)


def _new(
    actor: Actor, project_id: str, workflow: Workflow | None, definition: operations.Draft
) -> Draft:
    draft = Draft.create(
        user=actor.user_id,
        project=project_id,
        workflow=workflow and workflow.id,
        base_revision=workflow and workflow.revision,
    )
    DraftState.create(draft=draft.id, number=0, definition=definition, said="")
    return draft


def _definition(workflow: Workflow, revision: int | None = None) -> operations.Draft:
    """Of a revision (else the present one), in the form of drafts."""
    found = get_revision(workflow, revision or workflow.revision).definition
    stages = [
        {key: value for key, value in stage.items() if key != "order"} for stage in found["stages"]
    ]
    return {**found, "stages": stages}


def _is_untouched(draft: Draft) -> bool:
    changes = DraftState.select().where(DraftState.draft == draft.id, DraftState.number > 0)
    return not changes.exists()


def get(actor: Actor, draft_id: str) -> Draft:
    """One of the person's own. Raises NotFound."""
    draft = Draft.get_or_none(Draft.id == draft_id) if is_id(draft_id) else None
    if draft is None or draft.user_id != actor.user_id:
        raise missing("draft", draft_id)
    return draft


def unsaved(actor: Actor) -> list[Present]:
    """The person's drafts that hold a change, the last changed first."""
    rows = Draft.select().where(Draft.user == actor.user_id).order_by(Draft.changed_at.desc())
    return [present(row) for row in rows if row.workflow_id is None or not _is_untouched(row)]


def present(draft: Draft) -> Present:
    of_it = DraftState.draft == draft.id
    states = DraftState.select(DraftState.number, DraftState.said).where(of_it)
    said = {state.number: state.said for state in states}
    here = draft.position
    definition = DraftState.get(of_it, DraftState.number == here).definition
    before = said[here] if here - 1 in said else None
    return Present(draft, definition, said[here], before, said.get(here + 1))


# ---- changing --------------------------------------------------------------------------------


def change(
    draft: Draft,
    edit: Callable[[operations.Draft], tuple[operations.Draft, str]],
    *,
    topic: str = "",
) -> Draft:
    """Make a new state of the present one, unless the edit changes nothing.

    edit: gives the definition, and says in words what was done.
    topic: what is typed about. While it stays the same, the last state is written over, so that an
    undo takes back what was typed and not its last letter. What had been undone is gone.
    """
    with write():
        draft = locked(Draft.select().where(Draft.id == draft.id)).get()
        state = _state(draft)
        definition, said = edit(state.definition)
        if definition == state.definition:
            return draft
        _states(draft).where(DraftState.number > draft.position).execute()
        if topic and state.topic == topic:
            _write_over(state, definition, said)
            return _at(draft, draft.position)
        number = draft.position + 1
        DraftState.create(
            draft=draft.id, number=number, definition=definition, said=said[:300], topic=topic
        )
        _states(draft).where(DraftState.number < number - MAX_STATES).execute()
        return _at(draft, number)


def undo(draft: Draft) -> Draft:
    return _go(draft, -1)


def redo(draft: Draft) -> Draft:
    return _go(draft, 1)


def discard(draft: Draft) -> None:
    with write():
        Draft.delete().where(Draft.id == draft.id).execute()


def _go(draft: Draft, by: int) -> Draft:
    with write():
        draft = locked(Draft.select().where(Draft.id == draft.id)).get()
        there = draft.position + by
        is_there = DraftState.get_or_none(DraftState.draft == draft.id, DraftState.number == there)
        return _at(draft, there if is_there else draft.position)


def _state(draft: Draft) -> DraftState:
    return DraftState.get(DraftState.draft == draft.id, DraftState.number == draft.position)


def _states(draft: Draft) -> Any:
    return DraftState.delete().where(DraftState.draft == draft.id)


def _write_over(state: DraftState, definition: operations.Draft, said: str) -> None:
    DraftState.update(definition=definition, said=said[:300]).where(
        DraftState.id == state.id
    ).execute()


def _at(draft: Draft, position: int) -> Draft:
    Draft.update(position=position, changed_at=now()).where(Draft.id == draft.id).execute()
    return Draft.get_by_id(draft.id)


# ---- checking and saving ---------------------------------------------------------------------


def check(now_is: Present) -> Examined:
    """What a save would say, and what each step would do."""
    workflow = _workflow(now_is.draft)
    body = operations.body_of(now_is.definition)
    return examine(body, workflow)


def overtaken(now_is: Present) -> Overtaken | None:
    """The draft merged with what was saved since it was begun; None if nothing was."""
    draft, workflow = now_is.draft, _workflow(now_is.draft)
    if workflow is None or workflow.revision == draft.base_revision:
        return None
    base = _definition(workflow, draft.base_revision)
    merged = merge(base, now_is.definition, _definition(workflow))
    return Overtaken(merged, workflow.revision)


def rebase(draft: Draft, definition: operations.Draft, revision: int) -> Draft:
    """Go on with what was merged, from that revision on.

    Nothing before it can be gone back to: saved from here, it would undo what others saved.
    """
    draft = change(draft, lambda _: (definition, f"merged with revision {revision}"))
    with write():
        _states(draft).where(DraftState.number != draft.position).execute()
        Draft.update(base_revision=revision).where(Draft.id == draft.id).execute()
    return Draft.get_by_id(draft.id)


def save(now_is: Present, actor: Actor, comment: str = "") -> Detail:
    """Make or change the workflow, and give up the draft. The caller has checked the role.

    Raises Invalid, Conflict `duplicate_name`, StaleRevision where it was overtaken meanwhile.
    """
    body, workflow = operations.body_of(now_is.definition), _workflow(now_is.draft)
    if workflow is None:
        new = parse(body, NewWorkflow)
        made = workflows.create(new, actor=actor, comment=comment)
    else:
        changed = parse(body, ChangedWorkflow, project_id=workflow.project_id)
        known = {workflows.version_of(workflow)}
        is_current = workflow.revision == now_is.draft.base_revision
        made = workflows.update(
            workflow, changed, actor=actor, if_match=known if is_current else (), comment=comment
        )
    discard(now_is.draft)
    return made


def _workflow(draft: Draft) -> Workflow | None:
    """Raises NotFound if it was deleted meanwhile."""
    if draft.workflow_id is None:
        return None
    row = Workflow.get_by_id(draft.workflow_id)
    if row.deleted_at is not None:
        raise missing("workflow", row.id)
    return row

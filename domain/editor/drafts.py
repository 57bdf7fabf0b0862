"""Drafts: unsaved definitions that people edit, stored at every change.

A draft belongs to one person. Every change adds a state; undo and redo move between the states.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
"""Changes that can be undone."""
MAX_SAID = 300


@dataclass(frozen=True)
class Present:
    """The present state of a draft."""

    draft: Draft
    definition: operations.Draft
    said: str
    """A message about the last change."""
    topic: str
    """See `Editing.change`."""
    undoes: str | None
    """The message about the change that undo reverts; None if there is none."""
    redoes: str | None


@dataclass(frozen=True)
class Overtaken:
    """A draft merged with a revision that was saved after its base."""

    merged: Merged
    revision: int


# ---- finding and creating --------------------------------------------------------------------


def begin(actor: Actor, project: Project, name: str) -> Draft:
    """Create a draft of a new workflow."""
    with write():
        return _new(actor, project.id, operations.empty(name, project.id))


def take_up(actor: Actor, workflow: Workflow) -> Draft:
    """Return the person's draft of a workflow; create one if there is none with changes."""
    of_it = (Draft.user == actor.user_id) & (Draft.workflow == workflow.id)
    try:
        with write():
            draft: Draft | None = Draft.get_or_none(of_it)
            if draft and draft.base_revision != workflow.revision and _is_untouched(draft):
                draft.delete_instance()
                draft = None
            return draft or _new(actor, workflow.project_id, _definition(workflow), workflow)
    except IntegrityError:  # another tab was faster
        return Draft.get(of_it)


def _new(
    actor: Actor, project: str, definition: operations.Draft, workflow: Workflow | None = None
) -> Draft:
    of_it = {"workflow": workflow.id, "base_revision": workflow.revision} if workflow else {}
    draft = Draft.create(user=actor.user_id, project=project, **of_it)
    DraftState.create(draft=draft.id, number=0, definition=definition, said="")
    return draft


def _definition(workflow: Workflow, revision: int | None = None) -> operations.Draft:
    """Return a revision, by default the current one, in the form of drafts."""
    found = get_revision(workflow, revision or workflow.revision).definition
    stages = [
        {key: value for key, value in stage.items() if key != "order"} for stage in found["stages"]
    ]
    return {**found, "stages": stages}


def _is_untouched(draft: Draft) -> bool:
    return not _states(draft).where(DraftState.number > 0).exists()


def get(actor: Actor, draft_id: str) -> Draft:
    """Return one of the person's own drafts. Raises NotFound."""
    draft = Draft.get_or_none(Draft.id == draft_id) if is_id(draft_id) else None
    if draft is None or draft.user_id != actor.user_id:
        raise missing("draft", draft_id)
    return draft


def of_new_workflows(actor: Actor) -> list[DraftState]:
    """Return the present states of the person's drafts of new workflows, last changed first."""
    return list(
        DraftState.select(DraftState, Draft)
        .join(Draft)
        .where(
            (Draft.user == actor.user_id)
            & Draft.workflow.is_null()
            & (DraftState.number == Draft.position)
        )
        .order_by(Draft.changed_at.desc())
    )


def present(draft: Draft) -> Present:
    """Return the present state of a draft."""
    here = draft.position
    state = _states(draft).where(DraftState.number == here).get()
    beside = _states(draft, DraftState.number, DraftState.said).where(
        DraftState.number.in_([here - 1, here + 1])
    )
    said = {row.number: row.said for row in beside}
    undoes = state.said if here - 1 in said else None
    return Present(draft, state.definition, state.said, state.topic, undoes, said.get(here + 1))


def _states(draft: Draft, *columns: Any) -> Any:
    return DraftState.select(*columns).where(DraftState.draft == draft.id)


# ---- changing --------------------------------------------------------------------------------


@contextmanager
def editing(draft: Draft) -> Iterator["Editing"]:
    """Lock a draft and change it in one transaction."""
    with write():
        yield Editing(locked(Draft.select().where(Draft.id == draft.id)).get())


class Editing:
    """A locked draft; `present` is its state after the changes so far."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.present = present(draft)

    def change(self, definition: operations.Draft, said: str, topic: str = "") -> None:
        """Add a state in place of those that were undone, unless nothing changes.

        topic: the part that is typed into. While it stays the same, the state is overwritten, so
        that undo reverts all the typing and not its last letter.
        """
        here, said = self.present, said[:MAX_SAID]
        if definition == here.definition:
            return
        is_new = not topic or here.topic != topic
        number = self._draft.position + is_new
        self._delete(DraftState.number >= number)
        DraftState.create(
            draft=self._draft.id, number=number, definition=definition, said=said, topic=topic
        )
        if number > MAX_STATES:
            self._delete(DraftState.number < number - MAX_STATES)
        self._update(position=number, changed_at=now())
        undoes = said if is_new or here.undoes is not None else None
        self.present = Present(self._draft, definition, said, topic, undoes, None)

    def undo(self) -> None:
        """Revert the last change, if there is one."""
        self._go(-1, self.present.undoes)

    def redo(self) -> None:
        """Repeat the change that was undone last, if there is one."""
        self._go(1, self.present.redoes)

    def rebase(self, definition: operations.Draft, revision: int) -> None:
        """Continue from a merged definition, based on that revision.

        The earlier states are deleted: saving one of them would revert changes of others.
        """
        self.change(definition, f"merged with revision {revision}")
        self._delete(DraftState.number != self._draft.position)
        self._update(base_revision=revision)
        self.present = replace(self.present, undoes=None, redoes=None)

    def _go(self, steps: int, message: str | None) -> None:
        if message is not None:
            self._update(position=self._draft.position + steps, changed_at=now())
            self.present = present(self._draft)

    def _update(self, **values: Any) -> None:
        Draft.update(**values).where(Draft.id == self._draft.id).execute()
        for name, value in values.items():
            setattr(self._draft, name, value)

    def _delete(self, which: Any) -> None:
        DraftState.delete().where(DraftState.draft == self._draft.id, which).execute()


def discard(draft: Draft) -> None:
    """Delete a draft with all its states."""
    with write():
        Draft.delete().where(Draft.id == draft.id).execute()


# ---- checking and saving ---------------------------------------------------------------------


def check(state: Present) -> Examined:
    """Return the errors of a save and a plan of the steps."""
    return examine(operations.body_of(state.definition), _workflow(state.draft))


def overtaken(state: Present) -> Overtaken | None:
    """Merge the draft with the current revision; None if that is the draft's base."""
    draft, workflow = state.draft, _workflow(state.draft)
    if workflow is None or workflow.revision == draft.base_revision:
        return None
    base = _definition(workflow, draft.base_revision)
    merged = merge(base, state.definition, _definition(workflow))
    return Overtaken(merged, workflow.revision)


def save(state: Present, actor: Actor, comment: str = "") -> Detail:
    """Create or change the workflow, and delete the draft. The caller has checked the role.

    Raises Invalid, Conflict `duplicate_name`, StaleRevision if it was overtaken meanwhile.
    """
    body, workflow = operations.body_of(state.definition), _workflow(state.draft)
    if workflow is None:
        saved = workflows.create(parse(body, NewWorkflow), actor=actor, comment=comment)
    else:
        changed = parse(body, ChangedWorkflow, project_id=workflow.project_id)
        known = {workflows.version_of(workflow)}
        is_current = workflow.revision == state.draft.base_revision
        saved = workflows.update(
            workflow, changed, actor=actor, if_match=known if is_current else (), comment=comment
        )
    discard(state.draft)
    return saved


def _workflow(draft: Draft) -> Workflow | None:
    """Return the workflow, None for a new one. Raises NotFound if it was deleted."""
    if draft.workflow_id is None:
        return None
    row = Workflow.get_by_id(draft.workflow_id)
    if row.deleted_at is not None:
        raise missing("workflow", row.id)
    return row

"""Unsaved edits of workflows."""

from peewee import CharField, ForeignKeyField, IntegerField, JSONField

from domain.clock import now
from domain.models.base import Base, Id, Moment
from domain.models.people import Project, User
from domain.models.workflows import Workflow


class Draft(Base):
    """One person's draft of a workflow, with all its states for undo and redo."""

    id = Id()
    user = ForeignKeyField(User, on_delete="CASCADE")
    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    workflow = ForeignKeyField(Workflow, null=True, on_delete="CASCADE", index=False)
    """None for a workflow that does not exist yet."""
    base_revision = IntegerField(null=True)
    """The revision that the draft started from, or was last merged with."""
    position = IntegerField(default=0)
    """The number of the current state."""
    changed_at = Moment(default=now)

    class Meta:
        indexes = ((("user", "workflow"), True),)


class DraftState(Base):
    id = Id()
    draft = ForeignKeyField(Draft, on_delete="CASCADE", index=False)
    number = IntegerField()
    definition = JSONField()
    """See domain/editor/operations.py."""
    said = CharField(max_length=300)
    """A description of the edit."""
    topic = CharField(max_length=100, default="")
    """The field being typed in: while it stays the same, the state is overwritten."""

    class Meta:
        indexes = ((("draft", "number"), True),)

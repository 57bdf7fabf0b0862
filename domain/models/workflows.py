"""Workflows and their revisions."""

from peewee import SQL, BooleanField, CharField, ForeignKeyField, IntegerField, JSONField, TextField

from domain.clock import now
from domain.models.base import Base, Id, Moment
from domain.models.people import Project


class Workflow(Base):
    """A workflow, with copies of some values of its current revision and counters of its runs."""

    id = Id()
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="workflows")
    name = CharField(max_length=200)
    name_key = CharField(max_length=600)
    """The case-folded name, unique among the project's workflows that are not deleted.

    casefold() turns one character into up to three.
    """
    description = TextField(default="")
    is_enabled = BooleanField(default=True)
    revision = IntegerField(default=1)
    concurrency = IntegerField(null=True)
    stage_count = IntegerField()
    step_count = IntegerField()
    created_at = Moment(default=now)
    created_by = CharField(max_length=100)
    updated_at = Moment(default=now)
    updated_by = CharField(max_length=100)
    run_count = IntegerField(default=0)
    """The number of the last run started."""
    last_run_id = CharField(max_length=24, null=True)
    last_run_at = Moment(null=True)
    deleted_at = Moment(null=True)
    """Deleted workflows are invisible, but their runs and releases stay traceable."""


Workflow.add_index(
    Workflow.index(
        Workflow.project,
        Workflow.name_key,
        unique=True,
        where=SQL("deleted_at IS NULL"),
        name="workflow_name_unique",
    )
)


class WorkflowRevision(Base):
    """An immutable saved definition, to which its runs refer."""

    id = Id()
    workflow = ForeignKeyField(Workflow, on_delete="CASCADE", backref="revisions")
    number = IntegerField()
    definition = JSONField()
    """Name, description, parameters, concurrency and stages, as the API gives them."""
    comment = CharField(max_length=1000, default="")
    created_at = Moment(default=now)
    created_by = CharField(max_length=100)

    class Meta:
        indexes = ((("workflow", "number"), True),)

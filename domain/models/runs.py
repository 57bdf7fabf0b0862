"""Executions: a run, its stages and steps, each step's attempts, what they tested."""

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from domain.clock import now
from domain.models.base import Base, Id, Moment
from domain.models.workflows import Workflow
from domain.statuses import PENDING


class Run(Base):
    id = Id()
    workflow = ForeignKeyField(Workflow, on_delete="CASCADE", backref="runs", index=False)
    project_id = CharField(max_length=100)
    number = IntegerField()
    revision = IntegerField()
    status = CharField(max_length=9, default=PENDING)
    admitted = BooleanField(default=True)
    """False while the workflow's concurrency limit holds the run back."""
    cancelled_by = CharField(max_length=100, null=True)
    """Who asked to stop it. The run ends when everything it runs has stopped."""
    version = IntegerField(default=1)
    """Rises with every visible change, in the same transaction: the ETag of page and API."""
    parameters = JSONField(default=dict)
    rerun_of = CharField(max_length=24, null=True)
    """The run that this one repeats, by id only, so that it may be deleted."""
    trigger_source = CharField(max_length=100)
    triggered_by = CharField(max_length=100)
    message = TextField(default="")
    created_at = Moment(default=now)
    started_at = Moment(null=True)
    completed_at = Moment(null=True)

    class Meta:
        indexes = (
            (("workflow", "number"), True),
            (("workflow", "status", "number", "created_at"), False),
            # Lists: the newest first, of a project or workflow, with a status or any.
            (("workflow", "id"), False),
            (("project_id", "id"), False),
            (("project_id", "status", "id"), False),
            (("status", "id"), False),
        )


Run.add_index(
    Run.index(Run.workflow, Run.number, where=SQL("completed_at IS NULL"), name="run_in_progress")
)


class StageRun(Base):
    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="stages", index=False)
    position = IntegerField()
    """0, 1, 2 … in the order of execution; `order` is the number the definition gave."""
    order = IntegerField(column_name="stage_order")
    name = CharField(max_length=200)
    run_if = CharField(max_length=7)
    status = CharField(max_length=9, default=PENDING)
    opened_at = Moment(null=True)
    """When its steps became ready to be taken by workers."""
    started_at = Moment(null=True)
    completed_at = Moment(null=True)
    approval = JSONField(null=True)
    """What the definition asks for: {"required", "roles"}; null where nobody has to approve."""
    decision = CharField(max_length=8, null=True)
    """approved or rejected, with who, when and why."""
    decided_by = CharField(max_length=100, null=True)
    decided_at = Moment(null=True)
    comment = TextField(default="")

    class Meta:
        indexes = ((("run", "position"), True),)


class StepRun(Base):
    """One step of a run, and the engine's handle on it: see domain/engine/.

    A worker owns it while `lease_token` is the worker's and `lease_until` lies ahead; every write
    of the worker is conditional on the token.
    """

    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="steps")
    stage = ForeignKeyField(StageRun, on_delete="CASCADE", backref="steps", index=False)
    position = IntegerField()
    name = CharField(max_length=200)
    type = CharField(max_length=6)
    queue = CharField(max_length=100)
    is_outside = BooleanField(default=False)
    """A Build step without a script: nobody runs it, `complete` ends it."""
    timeout_seconds = IntegerField()
    retries = IntegerField(default=0)
    """How many more times a failure of the script may be tried again."""
    status = CharField(max_length=9, default=PENDING)
    message = TextField(default="")
    exit_code = IntegerField(null=True)
    attempt = IntegerField(default=1)
    started_at = Moment(null=True)
    completed_at = Moment(null=True)
    # What it left behind
    log_size = BigIntegerField(default=0)
    release_id = CharField(max_length=24, null=True)
    deployment_id = CharField(max_length=24, null=True)
    test_counts = JSONField(null=True)
    outside_effect = CharField(max_length=13, null=True)
    """Of a Deploy whose worker was lost: `unknown` until somebody says `happened` or `did_not`."""
    kept_from = CharField(max_length=24, null=True)
    """The step of an earlier run whose success a rerun keeps; this one never runs itself."""
    # The engine's
    ready_at = Moment(null=True)
    """Since when a worker may take it; null while its stage has not been opened."""
    rung_at = Moment(null=True)
    bell = IntegerField(default=0)
    """How often the doorbell was rung for this attempt: part of the message's id."""
    worker = CharField(max_length=100, null=True)
    lease_token = CharField(max_length=32, null=True)
    lease_until = Moment(null=True)
    cancel_requested = BooleanField(default=False)
    lock_key = CharField(max_length=250, null=True)
    """At most one running step holds a key: one deployment per environment at a time."""

    class Meta:
        indexes = ((("stage", "position"), True),)


StepRun.add_index(
    StepRun.index(
        StepRun.queue,
        StepRun.ready_at,
        where=SQL("status = 'Pending' AND ready_at IS NOT NULL"),
        name="steprun_ready",
    )
)
StepRun.add_index(
    StepRun.index(StepRun.kept_from, where=SQL("kept_from IS NOT NULL"), name="steprun_kept")
)
StepRun.add_index(
    StepRun.index(StepRun.lease_until, where=SQL("status = 'Running'"), name="steprun_running")
)
StepRun.add_index(
    StepRun.index(
        StepRun.lock_key,
        unique=True,
        where=SQL("status = 'Running' AND lock_key IS NOT NULL"),
        name="steprun_one_holder",
    )
)


class StepSpec(Base):
    """The run's snapshot of one step: everything a worker needs, fixed when the run started.

    A table of its own, because it may hold 64 KiB of script and status pages never need it.
    """

    step = ForeignKeyField(StepRun, on_delete="CASCADE", primary_key=True, index=False)
    spec = JSONField()
    signature = CharField(max_length=64, default="")
    """Of the spec and all else that decides what runs: see domain/runs/step_specs.py."""


class Attempt(Base):
    """What became of each try of a step: history, never read by the engine."""

    id = Id()
    step = ForeignKeyField(StepRun, on_delete="CASCADE", backref="attempts", index=False)
    number = IntegerField()
    status = CharField(max_length=9)
    worker = CharField(max_length=100)
    host = CharField(max_length=255, default="")
    started_at = Moment()
    completed_at = Moment(null=True)
    exit_code = IntegerField(null=True)
    message = TextField(default="")
    log_size = BigIntegerField(default=0)

    class Meta:
        indexes = ((("step", "number"), True),)


class TestResult(Base):
    __test__ = False  # a table, not a test class

    id = Id()
    step = ForeignKeyField(StepRun, on_delete="CASCADE", backref="tests", index=False)
    attempt = IntegerField()
    suite = CharField(max_length=500, default="")
    name = CharField(max_length=1000)
    result = CharField(max_length=5)
    duration_ms = IntegerField(null=True)
    message = TextField(default="")
    review_status = CharField(max_length=11, default="NotReviewed")
    reviewed_by = CharField(max_length=100, null=True)
    reviewed_at = Moment(null=True)
    comment = TextField(default="")


# The tests of a step, and those of one name among many steps. Of the name only its start: all of it
# may be longer than PostgreSQL takes into an index.
TestResult.add_index(
    TestResult.index(TestResult.step, SQL("substr(name, 1, 100)"), name="test_result_step_name")
)


class RunEvent(Base):
    """What happened to a run besides its steps' own attempts, in words for its page."""

    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="events")
    step_run_id = CharField(max_length=24, null=True)
    at = Moment(default=now)
    actor = CharField(max_length=100, null=True)
    message = TextField()


class UploadedLog(Base):
    """A log file that somebody added to a run; its bytes: see domain/logs/uploads.py."""

    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="uploads", index=False)
    name = CharField(max_length=200)
    size = BigIntegerField()
    sha256 = CharField(max_length=64)
    uploaded_at = Moment(default=now)
    uploaded_by = CharField(max_length=100)

    class Meta:
        indexes = ((("run", "name"), True),)


class WorkerInfo(Base):
    """A worker that says it is alive: its heartbeat, and where to look whether it still is."""

    name = CharField(max_length=100, primary_key=True)
    host = CharField(max_length=255)
    """Names the machine and its process numbers; see jobs/shared/host.py."""
    pid = IntegerField()
    pid_started = BigIntegerField()
    """When the process began, as the kernel counts: a number may be given away again."""
    queue = CharField(max_length=100)
    has_room = BooleanField(default=True)
    """False while its disk is too full for it to begin new runs."""
    started_at = Moment(default=now)
    seen_at = Moment(default=now)

    class Meta:
        table_name = "worker"


class ReconcilerInfo(Base):
    """A reconciler that says it is alive, as a worker does; it has no queue."""

    name = CharField(max_length=100, primary_key=True)
    host = CharField(max_length=255)
    pid = IntegerField()
    pid_started = BigIntegerField()
    started_at = Moment(default=now)
    seen_at = Moment(default=now)

    class Meta:
        table_name = "reconciler"

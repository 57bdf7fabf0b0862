"""Runs with their stages, steps, attempts and tests; workers and reconcilers."""

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
    """The person who aborted it. The run ends when all its steps have stopped."""
    version = IntegerField(default=1)
    """Rises with every visible change, in the same transaction: the ETag of page and API."""
    parameters = JSONField(default=dict)
    rerun_of = CharField(max_length=24, null=True)
    """The id of the run that this one repeats; not a foreign key, so that it can be deleted."""
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
            # Lists, newest first: of a project or workflow, with a status or any.
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
    """0, 1, 2 … in the order of execution; `order` is the number in the definition."""
    order = IntegerField(column_name="stage_order")
    name = CharField(max_length=200)
    run_if = CharField(max_length=7)
    status = CharField(max_length=9, default=PENDING)
    opened_at = Moment(null=True)
    """When its steps became ready for workers."""
    started_at = Moment(null=True)
    completed_at = Moment(null=True)
    approval = JSONField(null=True)
    """{"required", "roles"}; null if no approval is needed."""
    decision = CharField(max_length=8, null=True)
    """approved or rejected."""
    decided_by = CharField(max_length=100, null=True)
    decided_at = Moment(null=True)
    comment = TextField(default="")

    class Meta:
        indexes = ((("run", "position"), True),)


class StepRun(Base):
    """One step of a run, with the state that domain/engine/ needs to run it.

    A worker owns it while `lease_token` is the worker's and `lease_until` is in the future. Every
    write of the worker is conditional on the token.
    """

    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="steps")
    stage = ForeignKeyField(StageRun, on_delete="CASCADE", backref="steps", index=False)
    position = IntegerField()
    name = CharField(max_length=200)
    type = CharField(max_length=6)
    queue = CharField(max_length=100)
    is_outside = BooleanField(default=False)
    """A Build step without a script, which ends by external completion (`complete`)."""
    timeout_seconds = IntegerField()
    retries = IntegerField(default=0)
    """Retries left after a failure of the script."""
    status = CharField(max_length=9, default=PENDING)
    message = TextField(default="")
    exit_code = IntegerField(null=True)
    attempt = IntegerField(default=1)
    started_at = Moment(null=True)
    completed_at = Moment(null=True)
    # Results
    log_size = BigIntegerField(default=0)
    release_id = CharField(max_length=24, null=True)
    deployment_id = CharField(max_length=24, null=True)
    test_counts = JSONField(null=True)
    outside_effect = CharField(max_length=13, null=True)
    """The outcome of a Deploy whose worker was lost: `unknown`, then `happened` or `did_not`."""
    kept_from = CharField(max_length=24, null=True)
    """The step of an earlier run that a rerun reuses instead of running this one."""
    # State of the engine
    ready_at = Moment(null=True)
    """When workers could first take it; null until its stage is opened."""
    rung_at = Moment(null=True)
    bell = IntegerField(default=0)
    """The number of times this attempt was enqueued: part of the message's id."""
    worker = CharField(max_length=100, null=True)
    lease_token = CharField(max_length=32, null=True)
    lease_until = Moment(null=True)
    cancel_requested = BooleanField(default=False)
    lock_key = CharField(max_length=250, null=True)
    """Only one running step can hold a key: one deployment per environment at a time."""

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
    """Everything a worker needs to run one step, fixed when the run started.

    A separate table, because a script may have 64 KiB and status pages never need it.
    """

    step = ForeignKeyField(StepRun, on_delete="CASCADE", primary_key=True, index=False)
    spec = JSONField()
    signature = CharField(max_length=64, default="")
    """Covers everything that determines what runs: see domain/runs/step_specs.py."""


class Attempt(Base):
    """One attempt of a step: history, which the engine never reads."""

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


# For the tests of a step, and those of one name in many steps. Only the start of the name, because
# the whole may be too long for an index of PostgreSQL.
TestResult.add_index(
    TestResult.index(TestResult.step, SQL("substr(name, 1, 100)"), name="test_result_step_name")
)


class RunEvent(Base):
    """A sentence about a run for its page, in addition to its attempts."""

    id = Id()
    run = ForeignKeyField(Run, on_delete="CASCADE", backref="events")
    step_run_id = CharField(max_length=24, null=True)
    at = Moment(default=now)
    actor = CharField(max_length=100, null=True)
    message = TextField()


class UploadedLog(Base):
    """An uploaded log file of a run; see domain/logs/uploads.py."""

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
    """The heartbeat and the process of a worker."""

    name = CharField(max_length=100, primary_key=True)
    host = CharField(max_length=255)
    """Identifies the machine and its PID namespace; see jobs/shared/host.py."""
    pid = IntegerField()
    pid_started = BigIntegerField()
    """When the process started, in the kernel's count, as PIDs are reused."""
    queue = CharField(max_length=100)
    has_room = BooleanField(default=True)
    """False while its disk is too full to start runs."""
    started_at = Moment(default=now)
    seen_at = Moment(default=now)

    class Meta:
        table_name = "worker"


class ReconcilerInfo(Base):
    """The heartbeat and the process of a reconciler."""

    name = CharField(max_length=100, primary_key=True)
    host = CharField(max_length=255)
    pid = IntegerField()
    pid_started = BigIntegerField()
    started_at = Moment(default=now)
    seen_at = Moment(default=now)

    class Meta:
        table_name = "reconciler"

"""The first schema: a frozen copy of the models, never edited after a release."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

PARTIAL_INDEXES = [
    "CREATE UNIQUE INDEX workflow_name_unique ON workflow (project_id, name_key) WHERE deleted_at IS NULL",
    "CREATE INDEX run_in_progress ON run (workflow_id, number) WHERE completed_at IS NULL",
    "CREATE INDEX steprun_ready ON step_run (queue, ready_at) WHERE status = 'Pending' AND ready_at IS NOT NULL",
    "CREATE INDEX steprun_running ON step_run (lease_until) WHERE status = 'Running'",
    "CREATE UNIQUE INDEX steprun_one_holder ON step_run (lock_key) WHERE status = 'Running' AND lock_key IS NOT NULL",
]


def up(migrator, db):
    class Project(Model):
        id = CharField(primary_key=True, max_length=100)
        name = CharField(max_length=200)
        description = TextField(default="")
        created_at = BigIntegerField()
        created_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "project"

    db.create_tables([Project])

    class Workflow(Model):
        id = CharField(primary_key=True, max_length=24)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        name = CharField(max_length=200)
        name_key = CharField(max_length=600)
        description = TextField(default="")
        is_enabled = BooleanField(default=True)
        revision = IntegerField(default=1)
        concurrency = IntegerField(null=True)
        stage_count = IntegerField()
        step_count = IntegerField()
        created_at = BigIntegerField()
        created_by = CharField(max_length=100)
        updated_at = BigIntegerField()
        updated_by = CharField(max_length=100)
        run_count = IntegerField(default=0)
        last_run_id = CharField(null=True, max_length=24)
        last_run_at = BigIntegerField(null=True)
        deleted_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "workflow"

    db.create_tables([Workflow])

    class Run(Model):
        id = CharField(primary_key=True, max_length=24)
        workflow = ForeignKeyField(Workflow, on_delete="CASCADE", index=False)
        project_id = CharField(max_length=100)
        number = IntegerField()
        revision = IntegerField()
        status = CharField(max_length=9, default="Pending")
        admitted = BooleanField(default=True)
        cancelled_by = CharField(null=True, max_length=100)
        version = IntegerField(default=1)
        parameters = JSONField(default=dict)
        trigger_source = CharField(max_length=100)
        triggered_by = CharField(max_length=100)
        message = TextField(default="")
        created_at = BigIntegerField()
        started_at = BigIntegerField(null=True)
        completed_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "run"
            indexes = (
                (("workflow", "number"), True),
                (("workflow", "status", "number", "created_at"), False),
                (("project_id", "id"), False),
            )

    db.create_tables([Run])

    class StageRun(Model):
        id = CharField(primary_key=True, max_length=24)
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        position = IntegerField()
        order = IntegerField(column_name="stage_order")
        name = CharField(max_length=200)
        run_if = CharField(max_length=7)
        status = CharField(max_length=9, default="Pending")
        opened_at = BigIntegerField(null=True)
        started_at = BigIntegerField(null=True)
        completed_at = BigIntegerField(null=True)
        approval = JSONField(null=True)
        decision = CharField(null=True, max_length=8)
        decided_by = CharField(null=True, max_length=100)
        decided_at = BigIntegerField(null=True)
        comment = TextField(default="")

        class Meta:
            database = db
            table_name = "stage_run"
            indexes = ((("run", "position"), True),)

    db.create_tables([StageRun])

    class StepRun(Model):
        id = CharField(primary_key=True, max_length=24)
        run = ForeignKeyField(Run, on_delete="CASCADE")
        stage = ForeignKeyField(StageRun, on_delete="CASCADE", index=False)
        position = IntegerField()
        name = CharField(max_length=200)
        type = CharField(max_length=6)
        queue = CharField(max_length=100)
        is_outside = BooleanField(default=False)
        timeout_seconds = IntegerField()
        retries = IntegerField(default=0)
        status = CharField(max_length=9, default="Pending")
        message = TextField(default="")
        exit_code = IntegerField(null=True)
        attempt = IntegerField(default=1)
        started_at = BigIntegerField(null=True)
        completed_at = BigIntegerField(null=True)
        log_size = BigIntegerField(default=0)
        release_id = CharField(null=True, max_length=24)
        deployment_id = CharField(null=True, max_length=24)
        test_counts = JSONField(null=True)
        ready_at = BigIntegerField(null=True)
        rung_at = BigIntegerField(null=True)
        bell = IntegerField(default=0)
        worker = CharField(null=True, max_length=100)
        lease_token = CharField(null=True, max_length=32)
        lease_until = BigIntegerField(null=True)
        cancel_requested = BooleanField(default=False)
        lock_key = CharField(null=True, max_length=250)

        class Meta:
            database = db
            table_name = "step_run"
            indexes = ((("stage", "position"), True),)

    db.create_tables([StepRun])

    class Attempt(Model):
        id = CharField(primary_key=True, max_length=24)
        step = ForeignKeyField(StepRun, on_delete="CASCADE", index=False)
        number = IntegerField()
        status = CharField(max_length=9)
        worker = CharField(max_length=100)
        host = CharField(default="")
        started_at = BigIntegerField()
        completed_at = BigIntegerField(null=True)
        exit_code = IntegerField(null=True)
        message = TextField(default="")
        log_size = BigIntegerField(default=0)

        class Meta:
            database = db
            table_name = "attempt"
            indexes = ((("step", "number"), True),)

    db.create_tables([Attempt])

    class AuditEvent(Model):
        id = CharField(primary_key=True, max_length=24)
        at = BigIntegerField()
        actor = CharField(max_length=100)
        action = CharField(max_length=60)
        project_id = CharField(index=True, null=True, max_length=100)
        object_kind = CharField(max_length=30)
        object_id = CharField(max_length=250)
        detail = JSONField(default=dict)
        address = CharField(max_length=60, default="")

        class Meta:
            database = db
            table_name = "audit_event"

    db.create_tables([AuditEvent])

    class Environment(Model):
        id = CharField(primary_key=True, max_length=24)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        name = CharField(max_length=100)
        driver = CharField(max_length=20)
        settings = JSONField(default=dict)
        requires_approval = BooleanField(default=False)
        description = TextField(default="")
        updated_at = BigIntegerField()
        updated_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "environment"
            indexes = ((("project", "name"), True),)

    db.create_tables([Environment])

    class Ingredient(Model):
        id = CharField(primary_key=True, max_length=100)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        name = CharField(max_length=200)
        description = TextField(default="")
        next_number = IntegerField(default=1)
        created_at = BigIntegerField()
        created_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "ingredient"

    db.create_tables([Ingredient])

    class Release(Model):
        id = CharField(primary_key=True, max_length=24)
        ingredient = ForeignKeyField(Ingredient, on_delete="CASCADE")
        version = CharField(max_length=200)
        created_at = BigIntegerField()
        created_by = CharField(max_length=100)
        run_id = CharField(index=True, null=True, max_length=24)
        step_run_id = CharField(null=True, max_length=24)

        class Meta:
            database = db
            table_name = "release"
            indexes = ((("ingredient", "version"), True),)

    db.create_tables([Release])

    class Deployment(Model):
        id = CharField(primary_key=True, max_length=24)
        environment = ForeignKeyField(Environment, on_delete="CASCADE")
        status = CharField(max_length=9)
        release = ForeignKeyField(Release, null=True, on_delete="SET NULL")
        artifact = CharField(max_length=1000, default="")
        sha256 = CharField(max_length=64, default="")
        run_id = CharField(index=True, max_length=24)
        step_run_id = CharField(max_length=24)
        attempt = IntegerField()
        started_at = BigIntegerField()
        completed_at = BigIntegerField(null=True)
        deployed_by = CharField(max_length=100)
        message = TextField(default="")

        class Meta:
            database = db
            table_name = "deployment"
            indexes = ((("environment", "id"), False),)

    db.create_tables([Deployment])

    class User(Model):
        id = CharField(primary_key=True, max_length=24)
        username = CharField(unique=True, max_length=100)
        display_name = CharField(max_length=200, default="")
        email = CharField(max_length=320, default="")
        password_hash = CharField(null=True)
        is_system_admin = BooleanField(default=False)
        session_number = IntegerField(default=1)
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "user"

    db.create_tables([User])

    class IdempotencyKey(Model):
        id = CharField(primary_key=True, max_length=24)
        user = ForeignKeyField(User, on_delete="CASCADE")
        key = CharField()
        target = CharField()
        body_hash = CharField(max_length=64)
        status = IntegerField()
        answer = JSONField()
        headers = JSONField(default=dict)
        created_at = BigIntegerField(index=True)

        class Meta:
            database = db
            table_name = "idempotency_key"
            indexes = ((("user", "key", "target"), True),)

    db.create_tables([IdempotencyKey])

    class Member(Model):
        id = CharField(primary_key=True, max_length=24)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        user = ForeignKeyField(User, on_delete="CASCADE")
        role = CharField(max_length=9)

        class Meta:
            database = db
            table_name = "member"
            indexes = ((("project", "user"), True),)

    db.create_tables([Member])

    class Package(Model):
        id = CharField(primary_key=True, max_length=24)
        release = ForeignKeyField(Release, on_delete="CASCADE")
        path = CharField(max_length=1000)
        size = BigIntegerField()
        sha256 = CharField(max_length=64)

        class Meta:
            database = db
            table_name = "package"
            indexes = ((("release", "path"), True),)

    db.create_tables([Package])

    class RunEvent(Model):
        id = CharField(primary_key=True, max_length=24)
        run = ForeignKeyField(Run, on_delete="CASCADE")
        step_run_id = CharField(null=True, max_length=24)
        at = BigIntegerField()
        actor = CharField(null=True, max_length=100)
        message = TextField()

        class Meta:
            database = db
            table_name = "run_event"

    db.create_tables([RunEvent])

    class Secret(Model):
        id = CharField(primary_key=True, max_length=24)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        name = CharField(max_length=100)
        value = BlobField()
        updated_at = BigIntegerField()
        updated_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "secret"
            indexes = ((("project", "name"), True),)

    db.create_tables([Secret])

    class StepSpec(Model):
        step = ForeignKeyField(StepRun, primary_key=True, on_delete="CASCADE", index=False)
        spec = JSONField()

        class Meta:
            database = db
            table_name = "step_spec"

    db.create_tables([StepSpec])

    class TestResult(Model):
        id = CharField(primary_key=True, max_length=24)
        step = ForeignKeyField(StepRun, on_delete="CASCADE")
        attempt = IntegerField()
        suite = CharField(max_length=500, default="")
        name = CharField(max_length=1000)
        result = CharField(max_length=5)
        duration_ms = IntegerField(null=True)
        message = TextField(default="")
        review_status = CharField(max_length=11, default="NotReviewed")
        reviewed_by = CharField(null=True, max_length=100)
        reviewed_at = BigIntegerField(null=True)
        comment = TextField(default="")

        class Meta:
            database = db
            table_name = "test_result"

    db.create_tables([TestResult])

    class TestSuite(Model):
        id = CharField(primary_key=True, max_length=24)
        project = ForeignKeyField(Project, on_delete="CASCADE")
        name = CharField(max_length=100)
        script = TextField()
        timeout_seconds = IntegerField(null=True)
        description = TextField(default="")
        updated_at = BigIntegerField()
        updated_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "test_suite"
            indexes = ((("project", "name"), True),)

    db.create_tables([TestSuite])

    class Token(Model):
        id = CharField(primary_key=True, max_length=24)
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(max_length=200)
        hash = CharField(unique=True, max_length=64)
        scope = CharField(max_length=5)
        created_at = BigIntegerField()
        expires_at = BigIntegerField(null=True)
        last_used_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "token"

    db.create_tables([Token])

    class WorkerInfo(Model):
        name = CharField(primary_key=True, max_length=100)
        host = CharField()
        pid = IntegerField()
        pid_started = BigIntegerField()
        queue = CharField(max_length=100)
        started_at = BigIntegerField()
        seen_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "worker"

    db.create_tables([WorkerInfo])

    class WorkflowRevision(Model):
        id = CharField(primary_key=True, max_length=24)
        workflow = ForeignKeyField(Workflow, on_delete="CASCADE")
        number = IntegerField()
        definition = JSONField()
        created_at = BigIntegerField()
        created_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "workflow_revision"
            indexes = ((("workflow", "number"), True),)

    db.create_tables([WorkflowRevision])

    for statement in PARTIAL_INDEXES:
        db.execute_sql(statement)

"""The tables, one module per group; `ALL` lists them, parents first."""

from domain.models.base import (
    Base,
    after_commit,
    connect,
    connect_to_look,
    db,
    first_id,
    is_id,
    is_sqlite,
    locked,
    new_id,
    write,
)
from domain.models.catalog import (
    Deployment,
    DiscardedFile,
    Environment,
    Ingredient,
    Package,
    Release,
    Secret,
    TestSuite,
)
from domain.models.drafts import Draft, DraftState
from domain.models.people import AuditEvent, IdempotencyKey, Member, Project, Token, User
from domain.models.runs import (
    Attempt,
    ReconcilerInfo,
    Run,
    RunEvent,
    StageRun,
    StepRun,
    StepSpec,
    TestResult,
    UploadedLog,
    WorkerInfo,
)
from domain.models.statements import Lookup, Statement, by_id, given
from domain.models.workflows import Workflow, WorkflowRevision

ALL = [
    User,
    Token,
    Project,
    Member,
    AuditEvent,
    IdempotencyKey,
    Ingredient,
    Release,
    Package,
    DiscardedFile,
    TestSuite,
    Environment,
    Deployment,
    Secret,
    Workflow,
    WorkflowRevision,
    Draft,
    DraftState,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    Attempt,
    TestResult,
    RunEvent,
    UploadedLog,
    WorkerInfo,
    ReconcilerInfo,
]

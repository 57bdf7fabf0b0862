"""Where the engine is played against its model: a database, a Redis, a clock of its own."""

from dataclasses import dataclass
from typing import Any

from domain.models import AuditEvent, Deployment, ReconcilerInfo, WorkerInfo, write
from domain.models import Workflow as WorkflowRow
from domain.releases.artifacts import Artifact
from domain.settings import Settings
from jobs.queue import Doorbell
from tests.support import pipelines
from tests.support.engine.things import OUTSIDE_SECONDS, StepPlan, Workflow

ENVIRONMENTS = ("nest", "barn")
MAX_ATTEMPTS = 3
"""So few, so that it is ever reached."""


class Clock:
    """Stands still until it is set; put in the place of the module `time` in domain.clock."""

    ms = 1_800_000_000_000

    def time_ns(self) -> int:
        return self.ms * 1_000_000


@dataclass
class Bench:
    """What one test after the other is played on, and what all workflows name."""

    settings: Settings
    doorbell: Doorbell
    clock: Clock
    environments: dict[str, str]
    """The id of each of ENVIRONMENTS."""
    artifact: Artifact

    @property
    def lease_ms(self) -> int:
        return int(self.settings.lease_seconds * 1000)

    def clear(self) -> None:
        with write():
            for table in (WorkflowRow, Deployment, WorkerInfo, ReconcilerInfo, AuditEvent):
                table.delete().execute()
        self.doorbell.connection.flushall()
        self.clock.ms = Clock.ms


def store(workflow: Workflow) -> WorkflowRow:
    """Save it as people would."""
    stages = [
        {
            "steps": [
                _definition(f"{number}{letter}", step)
                for letter, step in zip("abc", stage.steps, strict=False)
            ],
            "runIf": stage.run_if,
            **({"approval": {"required": True}} if stage.needs_approval else {}),
        }
        for number, stage in enumerate(workflow.stages, 1)
    ]
    return pipelines.a_workflow(*stages, name=workflow.name, concurrency=workflow.limit)


def _definition(name: str, plan: StepPlan) -> dict[str, Any]:
    if plan.environment is not None:
        return pipelines.deploy(name, plan.environment)
    if plan.is_outside:
        return pipelines.build(name, None, timeoutSeconds=OUTSIDE_SECONDS)
    if plan.kind == "Test":
        return pipelines.test(name, "unit", retries=plan.retries)
    return pipelines.build(name, retries=plan.retries)

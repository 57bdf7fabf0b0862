"""Load the signed plan of a claimed step."""

from typing import NamedTuple

from peewee import JOIN

from domain.models import Run, StageRun, StepRun, StepSpec, Workflow, given
from domain.models.statements import Statement, from_json
from domain.runs.step_specs import RunPart, Seal, StepPart
from domain.secret_key import Keys

_LOAD = Statement(
    lambda: (
        StepRun.select(
            StepRun.run,
            Run.project_id,
            Run.number,
            Run.triggered_by,
            Run.parameters,
            StepRun.id,
            StageRun.name,
            StepRun.name,
            StepRun.type,
            StepRun.queue,
            StepRun.timeout_seconds,
            StepRun.lock_key,
            StepSpec.spec,
            StepSpec.signature,
            Workflow.name,
        )
        .join(StageRun)
        .switch(StepRun)
        .join(Run)
        .join(Workflow)
        .switch(StepRun)
        .join(StepSpec, JOIN.LEFT_OUTER)
        .where(StepRun.id == given("step_id"))
    )
)


class StepPlan(NamedTuple):
    run: RunPart
    step: StepPart
    signature: str
    workflow_name: str

    def is_as_signed(self, keys: Keys) -> bool:
        return Seal(keys, self.run).fits(self.step, self.signature)


def load(step_id: str) -> StepPlan:
    row = _LOAD.rows(step_id=step_id)[0]
    *of_run, parameters = row[:5]
    *of_step, spec, signature, workflow_name = row[5:]
    return StepPlan(
        RunPart._make([*of_run, from_json(parameters)]),
        # If the row of the spec was deleted, the signature does not fit either.
        StepPart._make([*of_step, from_json(spec) or {}]),
        signature or "",
        workflow_name,
    )

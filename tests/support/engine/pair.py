"""The real engine and the model of it, side by side, and the comparison of the two."""

import itertools
import os
from typing import Any

from domain import engine
from domain.engine import AbortRequest, Claim, Ready
from domain.models import StageRun, StepRun, WorkerInfo, write
from jobs.reconciler.reconciler import Reconciler
from jobs.shared import host
from tests.support.engine.bench import MAX_ATTEMPTS, Bench, store
from tests.support.engine.comparison import differences
from tests.support.engine.faults import faults, faults_between
from tests.support.engine.model import Model
from tests.support.engine.things import Lease, Run, StagePlan, Step, Workflow
from tests.support.engine.view import View

Message = tuple[Step, int]


class Pair:
    """An empty bench and an empty model; `moves` makes the same happen on both."""

    def __init__(self, bench: Bench) -> None:
        bench.clear()
        self.model = Model(MAX_ATTEMPTS)
        self.messages: list[Message] = []
        """What waits in the queue: the step and the attempt."""
        self._names = itertools.count(1)
        self.workers: list[str] = []
        self.dead: list[str] = []
        """Workers that nobody has found dead yet."""
        self.seen: dict[str, int] = {}
        """When each worker said last that it is there."""
        self.claims: dict[Lease, Claim] = {}
        self.bench = bench
        self.rows: dict[Any, str] = {}
        self.reconciler = Reconciler(bench.settings, bench.doorbell)
        self.announced: list[Ready | AbortRequest] = []
        engine.listen(self.announced.extend)
        self._seen = View()
        for _ in range(3):
            self.hire()

    @property
    def now(self) -> int:
        return self.bench.clock.ms

    def check(self) -> None:
        """Nothing forbidden is or has happened, and the database says what the model says."""
        view = View()
        found = [
            *faults(view),
            *faults_between(self._seen, view),
            *differences(self.rows, view),
        ]
        assert not found, "; ".join(found)
        self._seen = view

    def expect_no_change(self) -> None:
        """What is refused leaves everything as it was."""
        assert vars(View()) == vars(self._seen)

    def add(self, stages: tuple[StagePlan, ...], limit: int | None) -> None:
        number = len(self.model.workflows) + 1
        workflow = Workflow(f"W{number}", stages, limit)
        self.model.workflows.append(workflow)
        self.rows[workflow] = store(workflow).id

    def learn_rows(self, run: Run, run_id: str) -> None:
        """Remember which rows are the parts of a new run."""
        self.rows[run] = run_id
        for stage, stage_id in zip(run.stages, _ids(StageRun, StageRun.run == run_id), strict=True):
            self.rows[stage] = stage_id
            of_stage = _ids(StepRun, StepRun.stage == stage_id)
            self.rows |= zip(stage.steps, of_stage, strict=True)

    def hire(self) -> None:
        name = f"w{next(self._names)}"
        self.workers.append(name)
        with write():
            WorkerInfo.create(
                name=name,
                host=host.identity(),
                pid=os.getpid(),
                pid_started=host.started(os.getpid()),
                queue="default",
                seen_at=self.now,
            )
        self.seen[name] = self.now

    def say(self, worker: str) -> None:
        """What a worker does when it takes a step and when it renews its lease."""
        if worker in self.seen:
            with write():
                WorkerInfo.update(seen_at=self.now).where(WorkerInfo.name == worker).execute()
            self.seen[worker] = self.now

    def step(self, step_id: str) -> Step:
        return next(step for step in self.model.steps() if self.rows[step] == step_id)

    def ring(self) -> None:
        """Pass on what was announced, now that the model knows as much."""
        ready = [step for step in self.announced if isinstance(step, Ready)]
        self.announced.clear()
        for step in ready:
            assert self.step(step.step_id).waits_for_a_worker
        if ready:
            assert self.bench.doorbell.ring(ready)
            self.read_messages()

    def read_messages(self) -> None:
        """In the model's order, because the database promises none."""
        found = []
        for name in self.bench.doorbell.waiting_messages("default"):
            step_id, attempt, _ = name.removeprefix("s").split("-")
            found.append((self.step(step_id), int(attempt)))
        self.messages = sorted(found, key=lambda message: (message[0].name, message[1]))


def _ids(table: Any, which: Any) -> list[str]:
    rows = table.select(table.id).where(which).order_by(table.position)
    return [row.id for row in list(rows)]

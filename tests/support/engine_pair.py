"""The real engine and the model of it, side by side: each method does the same to both.

What can be compared at once is compared here: who gets a step, who is refused, what is rung for.
`check` compares all the rest.
"""

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from domain import deployments, engine, outside, reruns
from domain.artifacts import Artifact
from domain.engine import Claim, Ending, LeaseLost, Ready, StepFailed
from domain.errors import Conflict
from domain.models import (
    AuditEvent,
    Deployment,
    ReconcilerInfo,
    StageRun,
    StepRun,
    WorkerInfo,
    Workflow,
    write,
)
from domain.models import Run as DatabaseRun
from domain.settings import Settings
from domain.statuses import CANCELLED, FAILED, FINISHED, RUNNING, SUCCEEDED
from domain.storage import open_storage
from jobs import host
from jobs.queue import Doorbell
from jobs.reconciler import JUMP_MS, RING_AGAIN_MS, Reconciler
from tests.support import engine_model, pipelines
from tests.support.engine_model import Lease, Model, Run, Stage, StagePlan, Step, StepPlan
from tests.support.engine_view import View, faults, faults_between
from tests.support.keys import KEYS

OUTSIDE_SECONDS = 60
ENVIRONMENTS = ("nest", "barn")
MAX_ATTEMPTS = 3
"""So few, so that it is ever reached."""

Message = tuple[Step, int]


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
            for table in (Workflow, Deployment, WorkerInfo, ReconcilerInfo, AuditEvent):
                table.delete().execute()
        self.doorbell.connection.flushall()
        self.clock.ms = Clock.ms


class Pair:
    """An empty bench and an empty model, on which the same things happen from now on."""

    def __init__(self, bench: Bench) -> None:
        bench.clear()
        self.model = Model(MAX_ATTEMPTS)
        self.messages: list[Message] = []
        """What waits in the queue: the step and the attempt."""
        self._names = itertools.count(1)
        self.workers: list[str] = []
        self.dead: list[str] = []
        """Workers that nobody has found dead yet."""
        self.claims: dict[Lease, Claim] = {}
        self._bench = bench
        self._ids: dict[Any, str] = {}
        self._reconciler = Reconciler(bench.settings, bench.doorbell)
        self._seen = View()
        for _ in range(3):
            self._hire()

    @property
    def now(self) -> int:
        return self._bench.clock.ms

    def let_time_pass(self, ms: int) -> None:
        """Negative: the clock is set back."""
        self._bench.clock.ms += ms

    def check(self) -> None:
        """Nothing forbidden is or has happened, and the database says what the model says."""
        view = View()
        found = [*faults(view), *faults_between(self._seen, view)]
        assert not found, "; ".join(found)
        for thing, row_id in self._ids.items():
            seen, expected = _seen(thing, row_id, view), _expected(thing)
            assert seen == expected, f"{thing} is {seen}, but should be {expected}"
        self._seen = view

    def _nothing_changed(self) -> None:
        """What is refused leaves everything as it was."""
        assert vars(View()) == vars(self._seen)

    # ---- runs ----

    def add(self, stages: tuple[StagePlan, ...], limit: int | None) -> None:
        number = len(self.model.workflows) + 1
        workflow = engine_model.Workflow(f"W{number}", stages, limit)
        self.model.workflows.append(workflow)
        self._ids[workflow] = _stored(workflow).id

    def start(self, workflow: engine_model.Workflow) -> None:
        row, ready = pipelines.start_and_ready(Workflow.get_by_id(self._ids[workflow]))
        self._name(self.model.start(workflow, self.now), row.id)
        self._ring(ready)

    def rerun(self, old: Run, whence: Literal["start", "failed"]) -> None:
        run = self.model.rerun(old, whence, self.now)
        try:
            row, ready = reruns.rerun(
                DatabaseRun.get_by_id(self._ids[old]),
                whence=whence,
                definition="same",
                actor=pipelines.ACTOR,
                keys=KEYS,
                storage=open_storage(self._bench.settings),
            )
        except Conflict:
            assert run is None
            self._nothing_changed()
            return
        assert run is not None
        self._name(run, row.id)
        self._ring(ready)

    def _name(self, run: Run, run_id: str) -> None:
        """Remember which rows are the run's parts."""
        self._ids[run] = run_id
        for stage, stage_id in zip(run.stages, _ids(StageRun, StageRun.run == run_id), strict=True):
            self._ids[stage] = stage_id
            of_stage = _ids(StepRun, StepRun.stage == stage_id)
            self._ids |= zip(stage.steps, of_stage, strict=True)

    def cancel_run(self, run: Run) -> None:
        _, ready = engine.cancel_run(self._ids[run], by="ann")
        self.model.cancel_run(run, self.now)
        self._ring(ready)

    def advance(self, run: Run) -> None:
        ready = engine.advance(self._ids[run])
        self.model.advance(run, self.now)
        self._ring(ready)

    def change_limit(self, workflow: engine_model.Workflow, limit: int | None) -> None:
        with write():
            row = Workflow.id == self._ids[workflow]
            Workflow.update(concurrency=limit).where(row).execute()
        workflow.limit = limit

    def admit(self, workflow: engine_model.Workflow) -> None:
        ready = engine.admit(self._ids[workflow])
        self.model.admit(workflow, self.now)
        self._ring(ready)

    def decide(self, stage: Stage, decision: str) -> None:
        row = StageRun.get_by_id(self._ids[stage])
        ready = engine.decide_stage(row, decision=decision, by="ann", comment="")
        assert (ready is not None) == self.model.decide(stage, decision, self.now)
        self._ring(ready or [])

    # ---- messages ----

    def deliver(self, message: Message, worker: str) -> None:
        self.lose(message)
        self.claim(*message, worker)

    def claim(self, step: Step, attempt: int, worker: str, new_runs: bool = True) -> None:
        """What a message makes a worker do, be it new, old or for nobody."""
        claim = engine.claim(
            self._ids[step],
            attempt,
            worker=worker,
            host="elsewhere",  # nobody is to look for its processes here
            lease_ms=self._bench.lease_ms,
            new_runs=new_runs,
        )
        until = self.now + self._bench.lease_ms
        lease = None
        if self.model.may_be_claimed(step, new_runs) and attempt == step.attempt:
            lease = self.model.claim(step, worker, until)
        assert (claim is None) == (lease is None)
        if claim is not None and lease is not None:
            self.claims[lease] = claim

    def claim_oldest(self, worker: str, new_runs: bool) -> None:
        """What a worker does that has just ended a step."""
        oldest = engine.oldest_ready("default", new_runs=new_runs)
        free = [step for step in self.model.steps() if self.model.may_be_claimed(step, new_runs)]
        assert (oldest is None) == (not free)
        if oldest is not None:
            step = self._step(oldest[0])
            assert step.ready_at == min(other.ready_at for other in free)
            self.claim(step, oldest[1], worker, new_runs)
            assert step.status == RUNNING

    def lose(self, message: Message) -> None:
        queue = self._bench.doorbell.queue("default")
        wanted = f"s{self._ids[message[0]]}-{message[1]}-"
        queue.remove(next(name for name in queue.job_ids if name.startswith(wanted)))
        self._read_messages()

    def empty_redis(self) -> None:
        self._bench.doorbell.connection.flushall()
        self.messages = []

    # ---- workers ----

    def finish(self, lease: Lease, status: str) -> None:
        self._finish(lease, Ending(status, "It ended.", exit_code=0), status)

    def finish_with_what_cannot_be_recorded(self, lease: Lease) -> None:
        def record() -> dict[str, Any]:
            WorkerInfo.delete().execute()
            raise StepFailed("The version 1 is taken.")

        self._finish(lease, Ending(SUCCEEDED, record=record), FAILED)

    def _finish(self, lease: Lease, ending: Ending, status: str) -> None:
        if not lease.is_good:
            with pytest.raises(LeaseLost):
                engine.finish(self.claims[lease], ending)
            self._nothing_changed()
            return
        ready = engine.finish(self.claims[lease], ending)
        self.model.finish(lease, status, self.now)
        self._ring(ready)

    def die_while_finishing(self, lease: Lease) -> None:
        """In the middle of the transaction."""

        def record() -> dict[str, Any]:
            WorkerInfo.delete().execute()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            engine.finish(self.claims[lease], Ending(SUCCEEDED, record=record))
        self._nothing_changed()

    def give_back(self, lease: Lease) -> None:
        ready = engine.give_back(self.claims[lease], "The worker was shut down.", 3)
        self.model.lose(lease, self.now)
        self._ring(ready)

    def act_too_late(self, lease: Lease) -> None:
        """Everything that a worker may try on a step that is no longer its own."""
        claim = self.claims[lease]
        for status in (SUCCEEDED, FAILED, CANCELLED):
            with pytest.raises(LeaseLost):
                engine.finish(claim, Ending(status))
        with pytest.raises(LeaseLost):
            engine.give_back(claim, "The worker was shut down.", 3)
        with pytest.raises(LeaseLost), engine.owned(claim):
            pass
        self._nothing_changed()

    def beat(self, lease: Lease) -> None:
        answer = engine.beat(self.claims[lease], lease_ms=self._bench.lease_ms, log_size=7)
        if lease.is_good:
            assert answer == ("cancel" if lease.step.is_to_stop else "ok")
            lease.until = self.now + self._bench.lease_ms
        else:
            assert answer == "lost"

    def begin_to_deploy(self, lease: Lease) -> None:
        claim = self.claims[lease]
        environment = self._bench.environments[lease.step.plan.environment or ""]
        with engine.owned(claim):
            deployments.begin(claim, environment, self._bench.artifact, "ann")
        lease.step.deployment = RUNNING

    # ---- workers that are lost ----

    def _held(self) -> list[Lease]:
        return [lease for lease in self.claims if lease.is_held]

    def _hire(self) -> None:
        name = f"w{next(self._names)}"
        self.workers.append(name)
        with write():
            WorkerInfo.create(
                name=name,
                host=host.identity(),
                pid=os.getpid(),
                pid_started=host.started(os.getpid()),
                queue="default",
            )

    def kill(self, lease: Lease) -> None:
        """The worker that holds it. Nobody knows it yet; another takes its place."""
        if lease.worker in self.dead:
            return
        with write():
            WorkerInfo.update(pid_started=0).where(WorkerInfo.name == lease.worker).execute()
        self._hire()
        self.workers.remove(lease.worker)
        self.dead.append(lease.worker)

    def end_leases_of(self, worker: str) -> None:
        held = [lease for lease in self._held() if lease.worker == worker]
        assert engine.end_leases_of(worker) == len(held)
        for lease in held:
            lease.is_ended = True

    def end_lease(self, lease: Lease) -> None:
        ended = engine.end_lease(self._ids[lease.step], self.claims[lease].token)
        assert ended == (lease.is_good and lease.until < self.now)
        lease.is_ended |= ended

    def expire(self, lease: Lease) -> None:
        token = self.claims[lease].token
        ready = engine.expire(self._ids[lease.step], token, "The worker was lost.", 7)
        self.model.expire(lease, self.now)
        self._ring(ready)

    def reconcile(self) -> None:
        """By one that has looked on for long enough to take lost steps back."""
        self._reconciler._patient_until = self._reconciler._rare_at = 0
        self._reconciler._last_look = self.now
        self._reconciler.tick()
        self._take_back_in_model()
        for workflow in self.model.workflows:
            self.model.admit(workflow, self.now)
        for step in self.model.steps():
            if self._is_overdue(step):
                self.model.end_outside(step, FAILED, self.now)
        self._read_messages()
        self._check_rings()

    def _take_back_in_model(self) -> None:
        longest = self.now + self._bench.lease_ms
        for lease in self._held():
            lease.is_ended |= lease.worker in self.dead
            if lease.until > longest + JUMP_MS:  # the clock was set back since
                lease.until = longest
        for lease in self._held():
            if lease.is_over(self.now):
                lease.is_ended = True
                self.model.expire(lease, self.now)
        self.dead = []

    def _check_rings(self) -> None:
        """Whoever waits for a worker has a message in the queue, or was rung for just now."""
        for step in self.model.steps():
            if step.waits_for_a_worker and (step, step.attempt) not in self.messages:
                rung_at = StepRun.get_by_id(self._ids[step]).rung_at
                assert -JUMP_MS <= self.now - rung_at <= RING_AGAIN_MS

    # ---- steps ----

    def cancel_step(self, step: Step) -> None:
        was_over = step.status in FINISHED
        _, ready = engine.cancel_step(StepRun.get_by_id(self._ids[step]), by="ann")
        self.model.cancel_step(step, self.now)
        self._ring(ready)
        if was_over:
            self._nothing_changed()

    def complete(self, step: Step, status: str) -> None:
        """The same result again is as good as once; another is refused."""
        row = StepRun.get_by_id(self._ids[step])
        try:
            ready = outside.complete(
                row, success=status == SUCCEEDED, release_id=None, message="Done."
            )
        except Conflict:
            assert not step.waits_outside
            assert step.status != status
            self._nothing_changed()
            return
        if step.waits_outside:
            self.model.end_outside(step, status, self.now)
        else:
            assert step.status == status
            self._nothing_changed()
        self._ring(ready)

    def answer(self, step: Step, happened: bool) -> None:
        """Whether a deployment happened whose worker was lost."""
        answer = "happened" if happened else "did_not"
        row = StepRun.get_by_id(self._ids[step])
        try:
            outside.answer(row, happened=happened, comment="", actor=pipelines.ACTOR)
        except Conflict:
            assert step.effect not in ("unknown", answer)
            self._nothing_changed()
            return
        assert step.effect in ("unknown", answer)
        step.effect = answer
        step.deployment = SUCCEEDED if happened else FAILED

    def expire_outside(self, step: Step) -> None:
        ready = engine.expire_outside(self._ids[step])
        if self._is_overdue(step):
            self.model.end_outside(step, FAILED, self.now)
        self._ring(ready)

    def _is_overdue(self, step: Step) -> bool:
        since = step.ready_at or 0
        return step.waits_outside and since + OUTSIDE_SECONDS * 1000 <= self.now

    # ---- between the two ----

    def _step(self, step_id: str) -> Step:
        return next(step for step in self.model.steps() if self._ids[step] == step_id)

    def _ring(self, ready: Iterable[Ready]) -> None:
        ready = list(ready)
        for step in ready:
            assert self._step(step.step_id).waits_for_a_worker
        if ready:
            assert self._bench.doorbell.ring(ready)
            self._read_messages()

    def _read_messages(self) -> None:
        """In the model's order, because the database promises none."""
        found = []
        for name in self._bench.doorbell.waiting_messages("default"):
            step_id, attempt, _ = name.removeprefix("s").split("-")
            found.append((self._step(step_id), int(attempt)))
        self.messages = sorted(found, key=lambda message: (message[0].name, message[1]))


def _ids(table: Any, which: Any) -> list[str]:
    rows = table.select(table.id).where(which).order_by(table.position)
    return [row.id for row in list(rows)]


def _stored(workflow: engine_model.Workflow) -> Workflow:
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


def _expected(thing: Any) -> Any:
    """What the model knows of a workflow, run, stage or step, in the form of `_seen`."""
    if isinstance(thing, Run):
        return thing.status, thing.admitted, thing.is_to_stop
    if isinstance(thing, Stage):
        return thing.status, thing.is_open, thing.decision
    if isinstance(thing, Step):
        return (
            thing.status,
            thing.attempt,
            thing.attempts,
            thing.ready_at,
            thing.is_to_stop,
            thing.deployment,
            thing.effect,
            thing.lease and (0 if thing.lease.is_ended else thing.lease.until),
        )
    return thing.limit


def _seen(thing: Any, row_id: str, view: View) -> Any:
    if isinstance(thing, Run):
        run = view.runs[row_id]
        return run.status, bool(run.admitted), run.cancelled_by is not None
    if isinstance(thing, Stage):
        stage = view.stages[row_id]
        return stage.status, stage.opened_at is not None, stage.decision
    if isinstance(thing, Step):
        step = view.steps[row_id]
        return (
            step.status,
            step.attempt,
            [attempt.status for attempt in view.attempts_of(row_id)],
            step.ready_at,
            bool(step.cancel_requested),
            view.deployments[step.deployment_id].status if step.deployment_id else None,
            step.outside_effect,
            step.lease_until,
        )
    return view.limits[row_id]

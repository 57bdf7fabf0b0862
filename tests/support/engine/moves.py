"""What may happen to the engine: each function makes the same happen to it and to the model.

What can be compared at once is compared here: who gets a step, who is refused, what is rung for.
`Pair.check` compares all the rest.
"""

from typing import Any, Literal

import pytest

from domain import engine
from domain.engine import Ending, LeaseLost, StepFailed, deployments
from domain.errors import Conflict
from domain.models import Run as RunRow
from domain.models import StageRun, StepRun, WorkerInfo, write
from domain.models import Workflow as WorkflowRow
from domain.releases.storage import open_storage
from domain.runs import external_completion, lost_deployments, reruns
from domain.statuses import CANCELLED, FAILED, FINISHED, RUNNING, SUCCEEDED
from jobs.reconciler.context import JUMP_MS
from jobs.reconciler.standstill import RING_AGAIN_MS
from tests.support import pipelines
from tests.support.engine.pair import Message, Pair
from tests.support.engine.things import Lease, Run, Stage, Step, Workflow
from tests.support.keys import KEYS

# ---- runs ----


def start(pair: Pair, workflow: Workflow) -> None:
    row, ready = pipelines.start_and_ready(WorkflowRow.get_by_id(pair.rows[workflow]))
    pair.announced += ready
    pair.learn_rows(pair.model.start(workflow, pair.now), row.id)
    pair.ring()


def rerun(pair: Pair, old: Run, whence: Literal["start", "failed"]) -> None:
    run = pair.model.rerun(old, whence, pair.now)
    try:
        row = reruns.rerun(
            RunRow.get_by_id(pair.rows[old]),
            whence=whence,
            definition="same",
            actor=pipelines.ACTOR,
            keys=KEYS,
            storage=lambda: open_storage(pair.bench.settings),
        )
    except Conflict:
        assert run is None
        pair.expect_no_change()
        return
    assert run is not None
    pair.learn_rows(run, row.id)
    pair.ring()


def abort_run(pair: Pair, run: Run) -> None:
    engine.abort_run(pair.rows[run], by=pipelines.ACTOR)
    pair.model.abort_run(run, pair.now)
    pair.ring()


def advance(pair: Pair, run: Run) -> None:
    engine.advance(pair.rows[run])
    pair.model.advance(run, pair.now)
    pair.ring()


def change_limit(pair: Pair, workflow: Workflow, limit: int | None) -> None:
    with write():
        row = WorkflowRow.id == pair.rows[workflow]
        WorkflowRow.update(concurrency=limit).where(row).execute()
    workflow.limit = limit


def admit(pair: Pair, workflow: Workflow) -> None:
    engine.admit(pair.rows[workflow])
    pair.model.admit(workflow, pair.now)
    pair.ring()


def decide(pair: Pair, stage: Stage, decision: str) -> None:
    row = StageRun.get_by_id(pair.rows[stage])
    decided = engine.decide_stage(row, decision=decision, by=pipelines.ACTOR, comment="")
    assert decided == pair.model.decide(stage, decision, pair.now)
    pair.ring()


# ---- messages ----


def deliver(pair: Pair, message: Message, worker: str) -> None:
    lose(pair, message)
    claim(pair, *message, worker)


def claim(pair: Pair, step: Step, attempt: int, worker: str, new_runs: bool = True) -> None:
    """What a message makes a worker do, be it new, old or for nobody."""
    pair.say(worker)
    claim = engine.claim(
        pair.rows[step],
        attempt,
        worker=worker,
        host="elsewhere",  # nobody is to look for its processes here
        lease_ms=pair.bench.lease_ms,
        new_runs=new_runs,
    )
    until = pair.now + pair.bench.lease_ms
    lease = None
    if pair.model.may_be_claimed(step, new_runs) and attempt == step.attempt:
        lease = pair.model.claim(step, worker, until)
    assert (claim is None) == (lease is None)
    if claim is not None and lease is not None:
        pair.claims[lease] = claim


def claim_oldest(pair: Pair, worker: str, new_runs: bool) -> None:
    """What a worker does that has just ended a step."""
    oldest = engine.oldest_ready("default", new_runs=new_runs)
    free = [step for step in pair.model.steps() if pair.model.may_be_claimed(step, new_runs)]
    assert (oldest is None) == (not free)
    if oldest is not None:
        step = pair.step(oldest[0])
        assert step.ready_at == min(other.ready_at for other in free)
        claim(pair, step, oldest[1], worker, new_runs)
        assert step.status == RUNNING


def lose(pair: Pair, message: Message) -> None:
    queue = pair.bench.doorbell.queue("default")
    wanted = f"s{pair.rows[message[0]]}-{message[1]}-"
    queue.remove(next(name for name in queue.job_ids if name.startswith(wanted)))
    pair.read_messages()


def empty_redis(pair: Pair) -> None:
    pair.bench.doorbell.connection.flushall()
    pair.messages = []


# ---- workers ----


def finish(pair: Pair, lease: Lease, status: str) -> None:
    _finish(pair, lease, Ending(status, "It ended.", exit_code=0), status)


def finish_with_what_cannot_be_recorded(pair: Pair, lease: Lease) -> None:
    """Such as a version that is taken: nothing of it stays, and the step has failed."""

    def record() -> dict[str, Any]:
        StepRun.update(message="half").execute()
        raise StepFailed("The version 1 is taken.")

    _finish(pair, lease, Ending(SUCCEEDED, record=record), FAILED)


def _finish(pair: Pair, lease: Lease, ending: Ending, status: str) -> None:
    if not lease.is_good:
        with pytest.raises(LeaseLost):
            engine.finish(pair.claims[lease], ending)
        pair.expect_no_change()
        return
    engine.finish(pair.claims[lease], ending)
    pair.model.finish(lease, status, pair.now)
    pair.ring()


def die_while_finishing(pair: Pair, lease: Lease) -> None:
    """In the middle of the transaction."""

    def record() -> dict[str, Any]:
        StepRun.update(message="half").execute()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.finish(pair.claims[lease], Ending(SUCCEEDED, record=record))
    pair.expect_no_change()


def give_back(pair: Pair, lease: Lease) -> None:
    engine.give_back(pair.claims[lease], "The worker was shut down.", 3)
    pair.model.lose(lease, pair.now)
    pair.ring()


def act_too_late(pair: Pair, lease: Lease) -> None:
    """Everything that a worker may try on a step that is no longer its own."""
    claim = pair.claims[lease]
    for status in (SUCCEEDED, FAILED, CANCELLED):
        with pytest.raises(LeaseLost):
            engine.finish(claim, Ending(status))
    with pytest.raises(LeaseLost):
        engine.give_back(claim, "The worker was shut down.", 3)
    with pytest.raises(LeaseLost), engine.owned(claim):
        pass
    pair.expect_no_change()


def beat(pair: Pair, lease: Lease) -> None:
    answer = engine.beat(pair.claims[lease], lease_ms=pair.bench.lease_ms, log_size=7)
    if lease.is_good:
        assert answer == ("abort" if lease.step.is_to_stop else "ok")
        lease.until = pair.now + pair.bench.lease_ms
    else:
        assert answer == "lost"
    pair.say(lease.worker)


def begin_to_deploy(pair: Pair, lease: Lease) -> None:
    claim = pair.claims[lease]
    environment = pair.bench.environments[lease.step.plan.environment or ""]
    with engine.owned(claim):
        deployments.begin(claim, environment, pair.bench.artifact, "ann")
    pair.model.begin_to_deploy(lease)


# ---- workers that are lost ----


def kill(pair: Pair, lease: Lease) -> None:
    """The worker that holds it. Nobody knows it yet; another takes its place."""
    if lease.worker in pair.dead:
        return
    with write():
        WorkerInfo.update(pid_started=0).where(WorkerInfo.name == lease.worker).execute()
    pair.hire()
    pair.workers.remove(lease.worker)
    pair.dead.append(lease.worker)


def end_leases_of(pair: Pair, worker: str) -> None:
    held = [lease for lease in pair.model.leases() if lease.worker == worker]
    assert engine.end_leases_of(worker) == len(held)
    for lease in held:
        lease.is_ended = True


def end_lease(pair: Pair, lease: Lease) -> None:
    ended = engine.end_lease(pair.rows[lease.step], pair.claims[lease].token)
    assert ended == (lease.is_good and lease.until < pair.now)
    lease.is_ended |= ended


def expire(pair: Pair, lease: Lease) -> None:
    token = pair.claims[lease].token
    engine.expire(pair.rows[lease.step], token, "The worker was lost.", 7)
    pair.model.expire(lease, pair.now)
    pair.ring()


def reconcile(pair: Pair) -> None:
    """By one that has looked on for long enough to take lost steps back."""
    context = pair.reconciler.context
    context.patient_until = context.rare_at = 0
    context.last_look = pair.now
    pair.reconciler.tick()
    for worker in pair.dead:
        del pair.seen[worker]
    pair.model.reconcile(pair.dead, pair.seen, pair.now, JUMP_MS)
    pair.dead = []
    pair.ring()
    pair.read_messages()
    _check_rings(pair)


def _check_rings(pair: Pair) -> None:
    """Whoever waits for a worker has a message in the queue, or was rung for just now."""
    for step in pair.model.steps():
        if step.waits_for_a_worker and (step, step.attempt) not in pair.messages:
            rung_at = StepRun.get_by_id(pair.rows[step]).rung_at
            assert -JUMP_MS <= pair.now - rung_at <= RING_AGAIN_MS


# ---- steps ----


def abort_step(pair: Pair, step: Step) -> None:
    was_over = step.status in FINISHED
    engine.abort_step(StepRun.get_by_id(pair.rows[step]), by=pipelines.ACTOR)
    pair.model.abort_step(step, pair.now)
    pair.ring()
    if was_over:
        pair.expect_no_change()


def complete(pair: Pair, step: Step, status: str) -> None:
    """The same result again is as good as once; another is refused."""
    row = StepRun.get_by_id(pair.rows[step])
    try:
        external_completion.complete(
            row,
            success=status == SUCCEEDED,
            release_id=None,
            message="Done.",
            actor=pipelines.ACTOR,
        )
    except Conflict:
        assert not step.waits_outside
        assert step.status != status
        pair.expect_no_change()
        return
    if step.waits_outside:
        pair.model.end_outside(step, status, pair.now)
    else:
        assert step.status == status
        pair.expect_no_change()
    pair.ring()


def answer(pair: Pair, step: Step, happened: bool) -> None:
    """Whether a deployment happened whose worker was lost."""
    answer = "happened" if happened else "did_not"
    row = StepRun.get_by_id(pair.rows[step])
    try:
        lost_deployments.answer(row, happened=happened, comment="", actor=pipelines.ACTOR)
    except Conflict:
        assert step.effect not in ("unknown", answer)
        pair.expect_no_change()
        return
    assert step.effect in ("unknown", answer)
    step.effect = answer
    step.deployment = SUCCEEDED if happened else FAILED


def expire_external(pair: Pair, step: Step) -> None:
    engine.expire_external(pair.rows[step])
    if step.is_overdue(pair.now):
        pair.model.end_outside(step, FAILED, pair.now)
    pair.ring()


def let_time_pass(pair: Pair, ms: int) -> None:
    """Negative: the clock is set back."""
    pair.bench.clock.ms += ms

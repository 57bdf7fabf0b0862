"""The real engine against the model of it, in whatever order things may happen.

Hypothesis plays the workers, the people, the clock and the messages: they come never, twice or
late; workers die, and act after their death; the clock jumps. After every move the database is
compared with the model (tests/support/engine/model) and with what must hold whatever the model
says (tests/support/engine/faults). At the end fair workers take over, and every run has to end.

`make test-long ARGS='-k machine'` plays many more, each time other ones.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from domain.models import Release, db, is_sqlite, write
from domain.releases.artifacts import Artifact
from domain.statuses import CANCELLED, FAILED, RUNNING, SUCCEEDED
from jobs.reconciler.standstill import RING_AGAIN_MS
from tests.support import pipelines
from tests.support.engine import moves
from tests.support.engine.bench import ENVIRONMENTS, MAX_ATTEMPTS, Bench, Clock
from tests.support.engine.pair import Message, Pair
from tests.support.engine.things import Lease, Run, Stage, StagePlan, Step, StepPlan, Workflow
from tests.support.examples import IS_LONG, examples

MAX_RUNS = 6
ROUNDS = 12 * MAX_RUNS
"""How often fair workers may look around until every run has ended: the longest takes fewer."""

# ---- the workflows ---------------------------------------------------------------------------

SCRIPTS = st.builds(StepPlan, st.sampled_from(["Build", "Test"]), st.sampled_from([0, 0, 1, 2]))
DEPLOYS = st.builds(StepPlan, st.just("Deploy"), environment=st.sampled_from(ENVIRONMENTS))
STAGES = st.builds(
    StagePlan,
    st.lists(
        st.one_of(SCRIPTS, SCRIPTS, DEPLOYS, st.just(StepPlan(is_outside=True))),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.sampled_from(["success", "success", "success", "always", "failure"]),
    st.sampled_from([False, False, False, False, True]),
)
WORKFLOWS = st.tuples(
    st.lists(STAGES, min_size=1, max_size=4).map(tuple), st.sampled_from([None, 1, 2])
)

# ---- what there is to choose from ------------------------------------------------------------


def workers(pair: Pair) -> Sequence[str]:
    return pair.workers


def dead_workers(pair: Pair) -> Sequence[str]:
    return pair.dead


def messages(pair: Pair) -> Sequence[Message]:
    return pair.messages


def workflows(pair: Pair) -> Sequence[Workflow]:
    return pair.model.workflows


def workflows_to_start(pair: Pair) -> Sequence[Workflow]:
    return pair.model.workflows if len(runs(pair)) < MAX_RUNS else []


def runs(pair: Pair) -> Sequence[Run]:
    return pair.model.runs()


def runs_to_repeat(pair: Pair) -> Sequence[Run]:
    return runs(pair) if len(runs(pair)) < MAX_RUNS else []


def finished_runs(pair: Pair) -> Sequence[Run]:
    return [run for run in runs_to_repeat(pair) if run.is_over]


def stages_to_approve(pair: Pair) -> Sequence[Stage]:
    return [stage for stage in pair.model.stages() if stage.plan.needs_approval]


def steps(pair: Pair) -> Sequence[Step]:
    return pair.model.steps()


def running_steps(pair: Pair) -> Sequence[Step]:
    return [step for step in steps(pair) if step.status == RUNNING]


def outside_steps(pair: Pair) -> Sequence[Step]:
    return [step for step in steps(pair) if step.plan.is_outside]


def steps_that_wait_outside(pair: Pair) -> Sequence[Step]:
    return [step for step in steps(pair) if step.waits_outside]


def deploys_in_doubt(pair: Pair) -> Sequence[Step]:
    return [step for step in steps(pair) if step.effect is not None]


def leases(pair: Pair) -> Sequence[Lease]:
    return list(pair.claims)


def held(pair: Pair) -> Sequence[Lease]:
    return [lease for lease in pair.claims if lease.is_held]


def good(pair: Pair) -> Sequence[Lease]:
    return [lease for lease in pair.claims if lease.is_good]


def ended(pair: Pair) -> Sequence[Lease]:
    return [lease for lease in held(pair) if lease.is_ended]


def refused(pair: Pair) -> Sequence[Lease]:
    return [lease for lease in pair.claims if not lease.is_good]


def about_to_deploy(pair: Pair) -> Sequence[Lease]:
    return [
        lease
        for lease in good(pair)
        if lease.step.plan.environment is not None and lease.step.deployment is None
    ]


# ---- what may happen -------------------------------------------------------------------------


class Kind:
    """A kind of move, and how often it happens in comparison with others.

    Each choice is what an argument may be: some values, or a function that finds them.
    """

    def __init__(self, often: int, make: Callable[..., None], **choices: Any) -> None:
        self.often = often
        self.make = make
        self._choices = choices

    def possible(self, pair: Pair) -> dict[str, Sequence[Any]]:
        """What each argument may be at this moment."""
        return {
            name: choice(pair) if callable(choice) else choice
            for name, choice in self._choices.items()
        }


KINDS = [
    Kind(8, moves.deliver, message=messages, worker=workers),
    Kind(8, moves.claim_oldest, worker=workers, new_runs=(True, True, True, False)),
    Kind(2, moves.claim, step=steps, attempt=(1, 2, 3), worker=workers, new_runs=(True, False)),
    Kind(8, moves.finish, lease=held, status=(*[SUCCEEDED] * 5, FAILED, FAILED, CANCELLED)),
    Kind(1, moves.finish_with_what_cannot_be_recorded, lease=held),
    Kind(1, moves.die_while_finishing, lease=good),
    Kind(2, moves.give_back, lease=good),
    Kind(6, moves.begin_to_deploy, lease=about_to_deploy),
    Kind(2, moves.beat, lease=leases),
    Kind(2, moves.act_too_late, lease=refused),
    Kind(2, moves.kill, lease=good),
    Kind(1, moves.end_leases_of, worker=dead_workers),
    Kind(2, moves.end_lease, lease=held),
    Kind(4, moves.expire, lease=ended),
    Kind(1, moves.expire, lease=leases),
    Kind(3, moves.reconcile),
    Kind(4, moves.let_time_pass, ms=(1, 3_000, 15_000, 15_001, 60_000, 600_000, -5_000, -600_000)),
    Kind(1, moves.lose, message=messages),
    Kind(1, moves.empty_redis),
    Kind(3, moves.start, workflow=workflows_to_start),
    Kind(5, moves.rerun, old=finished_runs, whence=("start", "failed", "failed")),
    Kind(1, moves.rerun, old=runs_to_repeat, whence=("start", "failed")),
    Kind(1, moves.abort_run, run=runs),
    Kind(1, moves.abort_step, step=steps),
    Kind(1, moves.abort_step, step=running_steps),
    Kind(3, moves.decide, stage=stages_to_approve, decision=(*["approved"] * 4, "rejected")),
    Kind(3, moves.complete, step=steps_that_wait_outside, status=(*[SUCCEEDED] * 3, FAILED)),
    Kind(1, moves.complete, step=outside_steps, status=(SUCCEEDED, FAILED)),
    Kind(1, moves.expire_external, step=outside_steps),
    Kind(2, moves.answer, step=deploys_in_doubt, happened=(True, False)),
    Kind(1, moves.change_limit, workflow=workflows, limit=(None, 1, 2, 3)),
    Kind(1, moves.admit, workflow=workflows),
    Kind(1, moves.advance, run=runs),
]


NUMBERS = st.tuples(*[st.integers(0, 9_999)] * 4)
"""Which move it is, and which of the possible values each of its arguments has. Drawn like this
and not as the move itself, because making a strategy for each move takes longer than the move."""


def chosen(pair: Pair, numbers: Sequence[int]) -> tuple[Kind, dict[str, Any]]:
    possible = [(kind, kind.possible(pair)) for kind in KINDS]
    often = [
        (kind, values)
        for kind, values in possible
        if all(values.values())
        for _ in range(kind.often)
    ]
    kind, values = often[numbers[0] % len(often)]
    return kind, {
        name: few[number % len(few)]
        for (name, few), number in zip(values.items(), numbers[1:], strict=False)
    }


class EngineMachine(RuleBasedStateMachine):
    """One rule for all moves: hypothesis leaves out half of the rules in each example."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.pair = Pair(bench)
        self.is_sound = False
        """Whether every move so far was made and checked; else nothing is asked of the end."""

    @initialize(workflows=st.lists(WORKFLOWS, min_size=1, max_size=2))
    def set_up(self, workflows: list[tuple[tuple[StagePlan, ...], int | None]]) -> None:
        for stages, limit in workflows:
            self.pair.add(stages, limit)
        for workflow in self.pair.model.workflows[:1] * 2:
            moves.start(self.pair, workflow)
        self.pair.check()
        self.is_sound = True

    @rule(numbers=NUMBERS)
    def happen(self, numbers: tuple[int, ...]) -> None:
        self.is_sound = False
        kind, arguments = chosen(self.pair, numbers)
        named = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        note(f"{kind.make.__name__}({named})")
        kind.make(self.pair, **arguments)
        self.pair.check()
        self.is_sound = True

    def teardown(self) -> None:
        """Nobody dies any more and nothing is lost: every run comes to its end."""
        if not self.is_sound:
            return
        for _ in range(ROUNDS):
            if all(run.is_over for run in runs(self.pair)):
                break
            self.work_fairly()
        assert [run for run in runs(self.pair) if not run.is_over] == []

    def work_fairly(self) -> None:
        pair = self.pair
        for lease in good(pair):
            moves.finish(pair, lease, SUCCEEDED)
        for stage in stages_to_approve(pair):
            if stage.decision is None:
                moves.decide(pair, stage, "approved")
        for step in steps_that_wait_outside(pair):
            moves.complete(pair, step, SUCCEEDED)
        moves.let_time_pass(pair, RING_AGAIN_MS + 1)
        moves.reconcile(pair)
        pair.check()
        for message in pair.messages:
            moves.deliver(pair, message, pair.workers[0])
        pair.check()


# ---- where it happens ------------------------------------------------------------------------


@pytest.fixture
def bench(settings, database, doorbell, monkeypatch, caplog) -> Bench:
    if is_sqlite():
        db.execute_sql("PRAGMA synchronous = OFF")  # nobody cuts the power here
    caplog.set_level(logging.ERROR)
    clock = Clock()
    monkeypatch.setattr("domain.clock.time", clock)
    monkeypatch.setattr("domain.engine.endings.MAX_ATTEMPTS", MAX_ATTEMPTS)
    project = pipelines.a_project()
    pipelines.a_suite(project, "true")
    environments = {name: pipelines.an_environment(project, name).id for name in ENVIRONMENTS}
    with write():
        release = Release.create(ingredient="duck", version="1", created_by="ann")
    artifact = Artifact(release.id, "duck", "1", "duck.zip", 7, "0" * 64)
    return Bench(settings, doorbell, clock, environments, artifact)


@pytest.mark.slow
def test_the_engine_does_what_the_model_says(bench):
    run_state_machine_as_test(
        lambda: EngineMachine(bench),
        settings=hypothesis_settings(
            max_examples=examples(6),
            stateful_step_count=100,
            derandomize=not IS_LONG,
            # Making a failure short takes minutes: only for those who look for one.
            phases=list(Phase) if IS_LONG else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )

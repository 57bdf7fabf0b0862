"""Why something waits: every reason, and that nothing that is Pending is without one."""

from itertools import product

import pytest

from domain.accounts.access import SUPER_USER, SYSTEM_ADMIN
from domain.error_codes import REASONS
from domain.models import Run, StageRun, StepRun
from domain.runs.pending_facts import Facts, silence
from domain.runs.pending_reasons import Reason, Reasons, explain
from domain.statuses import CANCELLED, PENDING, RUNNING, SUCCEEDED

AT = 1_000_000
SOON = AT + 20_000
LEASE_SECONDS = 15.0
WORKING = Facts(AT, listeners={"default": 1}, silence_ms=silence(LEASE_SECONDS))


def a_run(status: str = PENDING, **fields) -> Run:
    return Run(id="run", status=status, created_at=AT - 9_000, **fields)


def a_stage(number: int, status: str = PENDING, *, opened: bool = False, **fields) -> StageRun:
    return StageRun(
        id=f"stage{number}",
        position=number,
        name=f"S{number}",
        status=status,
        opened_at=AT - 5_000 if opened else None,
        completed_at=AT if status == SUCCEEDED else None,
        **fields,
    )


def a_step(number: int, status: str = PENDING, *, ready: bool = False, **fields) -> StepRun:
    fields = {"queue": "default", "timeout_seconds": 60, "worker": "w1", **fields}
    return StepRun(
        id=f"step{number}",
        stage=f"stage{number}",
        name=f"s{number}",
        status=status,
        ready_at=AT - 4_000 if ready else None,
        **fields,
    )


def waits(facts: Facts = WORKING, *, run: Run | None = None, **step) -> Reasons:
    """A run of one open stage with one step."""
    run, step = run or a_run(), {"ready": True, **step}
    return explain(run, [a_stage(0, run.status, opened=True)], [a_step(0, **step)], facts)


def gate(decision: str | None = None) -> StageRun:
    return a_stage(1, approval={"required": True, "roles": ["Admin"]}, decision=decision)


def at_the_gate(stage: StageRun, run: Run | None = None) -> Reasons:
    """A run whose first stage has succeeded."""
    stages = [a_stage(0, SUCCEEDED, opened=True), stage]
    steps = [a_step(0, SUCCEEDED), a_step(1)]
    return explain(run or a_run(RUNNING), stages, steps, WORKING)


HELD_BACK = a_run(admitted=False)
TABLE = {
    "approval": at_the_gate(gate()),
    "concurrency_limit": explain(
        HELD_BACK, [a_stage(0)], [a_step(0)], Facts(AT, running_before=["#7", "#8"])
    ),
    "disk_full": waits(Facts(AT, listeners={"default": 1}, closed=["default"])),
    "earlier_stage": explain(
        a_run(RUNNING),
        [a_stage(1), a_stage(0, RUNNING, opened=True)],
        [a_step(1), a_step(0, RUNNING, lease_until=SOON)],
        WORKING,
    ),
    "environment_busy": waits(
        Facts(AT, listeners={"default": 1}, holders={"key": "d of run #3"}), lock_key="key"
    ),
    "no_worker": waits(Facts(AT, listeners={"another": 1})),
    "outside_completion": waits(is_outside=True),
    "queue_position": waits(Facts(AT, listeners={"default": 1}, ahead={"step0": 2})),
    "redis_unreachable": waits(Facts(AT, redis_answers=False, listeners={"default": 1})),
    "starting": at_the_gate(a_stage(1)),
    "worker_lost": waits(run=a_run(RUNNING), status=RUNNING, lease_until=AT - 1),
}


def said(reasons: Reasons, part: str = "step0") -> Reason:
    (reason,) = (reasons.steps | reasons.stages | {"run": reasons.run})[part]
    return reason


def test_every_reason_that_the_api_documents_stands_in_the_table():
    assert sorted(TABLE) == sorted(REASONS)


@pytest.mark.parametrize("code", TABLE)
def test_a_reason(code):
    assert code in {reason["code"] for reason in TABLE[code]}


def test_what_holds_the_limit_is_named():
    assert "#7, #8" in said(TABLE["concurrency_limit"], "run")["message"]


def test_who_can_help_is_told_where_somebody_can():
    assert said(TABLE["approval"], "stage1")["who"] == ["Admin"]
    assert said(TABLE["outside_completion"])["who"] == [SUPER_USER]
    assert said(TABLE["disk_full"])["who"] == [SYSTEM_ADMIN]
    assert said(TABLE["no_worker"])["who"] == []


def test_the_place_in_the_queue_is_counted():
    assert said(TABLE["queue_position"])["message"].startswith("Place 3 in")
    assert said(waits())["message"].startswith("Next in")


def test_every_cause_is_told_at_once():
    facts = Facts(AT, redis_answers=False, closed=["default"], holders={"key": "d of run #3"})
    codes = [reason["code"] for reason in waits(facts, lock_key="key").steps["step0"]]
    assert codes == ["redis_unreachable", "no_worker", "disk_full", "environment_busy"]


def test_a_worker_is_lost_when_its_lease_is_over():
    reason = said(TABLE["worker_lost"])
    assert "is being taken back" in reason["message"]
    assert reason["until"] is None


def test_a_silent_worker_is_told_before_its_lease_ends_and_until_when():
    ends = AT + 7_000
    reason = said(waits(run=a_run(RUNNING), status=RUNNING, lease_until=ends))
    assert (reason["code"], reason["until"]) == ("worker_lost", ends)
    assert reason["since"] == ends - LEASE_SECONDS * 1000


def test_a_worker_that_renews_its_lease_is_no_reason():
    assert not list(waits(run=a_run(RUNNING), status=RUNNING, lease_until=AT + 8_000))


def test_a_run_that_has_begun_says_what_it_is_stuck_at():
    assert said(TABLE["approval"], "run")["code"] == "approval"
    assert said(TABLE["worker_lost"], "run")["code"] == "worker_lost"


def test_a_run_with_something_at_work_is_not_stuck():
    stages = [a_stage(0, RUNNING, opened=True)]
    steps = [
        a_step(0, RUNNING, lease_until=SOON),
        StepRun(id="other", stage="stage0", status=PENDING, ready_at=AT, queue="default"),
    ]
    reasons = explain(a_run(RUNNING), stages, steps, WORKING)
    assert (reasons.run, reasons.stages["stage0"]) == ([], [])
    assert reasons.steps["other"]


STEPS = [
    {"status": PENDING},
    {"status": PENDING, "ready": True},
    {"status": PENDING, "ready": True, "is_outside": True},
    {"status": PENDING, "ready": True, "lock_key": "key"},
    {"status": RUNNING, "lease_until": SOON},
    {"status": RUNNING, "lease_until": AT - 1},
    {"status": RUNNING, "lease_until": None},
    {"status": SUCCEEDED},
    {"status": CANCELLED},
]
STAGES = [
    {"status": status, "opened": opened, "approval": approval, "decision": decision}
    for status, opened, approval, decision in product(
        (PENDING, RUNNING, SUCCEEDED),
        (False, True),
        (None, {"required": True}, {"required": True, "roles": ["Admin"]}),
        (None, "approved", "rejected"),
    )
]
FACTS = [
    Facts(AT),
    Facts(AT, listeners={"default": 1}),
    Facts(AT, redis_answers=False, closed=["default"], holders={"key": "d of run #3"}),
]


@pytest.mark.parametrize("facts", FACTS)
def test_nothing_that_is_pending_is_without_a_reason(facts):
    """Whatever the facts, also those that should never come together."""
    ways = product((PENDING, RUNNING), (True, False), STAGES, STEPS)
    for status, admitted, stage_facts, step_facts in ways:
        run = a_run(status, admitted=admitted)
        stages = [a_stage(0, **stage_facts), a_stage(1)]
        steps = [a_step(0, **step_facts), a_step(1)]
        reasons = explain(run, stages, steps, facts)
        case = (status, admitted, stage_facts, step_facts)
        assert reasons.run or run.status != PENDING, case
        for stage in stages:
            assert reasons.stages[stage.id] or stage.status != PENDING, case
        for step in steps:
            assert reasons.steps[step.id] or step.status != PENDING, case


def test_what_has_ended_waits_for_nothing():
    run = a_run(SUCCEEDED, completed_at=AT)
    stages, steps = [a_stage(0, SUCCEEDED, opened=True)], [a_step(0, SUCCEEDED)]
    assert not list(explain(run, stages, steps, WORKING))

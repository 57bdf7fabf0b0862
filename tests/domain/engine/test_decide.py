import pytest

from domain.engine.decide import StageFacts, decide
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED


def opened(position: int, *steps: str, **more) -> StageFacts:
    return StageFacts(position, RUNNING, opened=True, steps=steps, **more)


def waiting(position: int, **more) -> StageFacts:
    return StageFacts(position, PENDING, steps=(PENDING,), **more)


def test_a_new_run_opens_its_first_stage():
    decision = decide([waiting(0), waiting(1)], cancelled=False)
    assert (decision.open, decision.ended, decision.outcome) == (0, {}, None)


@pytest.mark.parametrize("live", [PENDING, RUNNING])
def test_a_stage_with_a_live_step_keeps_everything_as_it_is(live):
    decision = decide([opened(0, SUCCEEDED, live), waiting(1)], cancelled=False)
    assert (decision.open, decision.ended, decision.outcome) == (None, {}, None)


def test_the_next_stage_opens_when_every_step_has_succeeded():
    decision = decide([opened(0, SUCCEEDED, SUCCEEDED), waiting(1)], cancelled=False)
    assert (decision.open, decision.ended, decision.outcome) == (1, {0: SUCCEEDED}, None)


def test_the_run_succeeds_with_its_last_stage():
    stages = [StageFacts(0, SUCCEEDED), opened(1, SUCCEEDED)]
    decision = decide(stages, cancelled=False)
    assert (decision.ended, decision.outcome) == ({1: SUCCEEDED}, SUCCEEDED)


def test_a_failed_step_skips_the_stages_after_it_and_fails_the_run():
    decision = decide([opened(0, SUCCEEDED, FAILED), waiting(1), waiting(2)], cancelled=False)
    assert decision.ended == {0: FAILED, 1: SKIPPED, 2: SKIPPED}
    assert decision.outcome == FAILED


@pytest.mark.parametrize(
    ("first", "run_if", "opens"),
    [
        (SUCCEEDED, "success", True),
        (SUCCEEDED, "failure", False),
        (SUCCEEDED, "always", True),
        (FAILED, "success", False),
        (FAILED, "failure", True),
        (FAILED, "always", True),
        (CANCELLED, "success", False),
        (CANCELLED, "failure", False),
        (CANCELLED, "always", True),
    ],
)
def test_run_if_says_after_what_a_stage_runs(first, run_if, opens):
    decision = decide([opened(0, first), waiting(1, run_if=run_if)], cancelled=False)
    assert (decision.open == 1) is opens
    assert decision.ended.get(1) == (None if opens else SKIPPED)


def test_a_clean_up_stage_does_not_hide_the_failure_before_it():
    stages = [StageFacts(0, FAILED), opened(1, SUCCEEDED, run_if="always")]
    assert decide(stages, cancelled=False).outcome == FAILED


def test_a_stage_that_needs_approval_waits_for_it():
    decision = decide([StageFacts(0, SUCCEEDED), waiting(1, needs_approval=True)], cancelled=False)
    assert (decision.open, decision.ended, decision.outcome) == (None, {}, None)


def test_nobody_has_to_approve_what_was_stopped_before_it_began():
    def stage(*steps: str) -> StageFacts:
        return StageFacts(1, PENDING, steps=steps, needs_approval=True)

    assert (
        decide([StageFacts(0, SUCCEEDED), stage(CANCELLED, CANCELLED)], cancelled=False).open == 1
    )
    assert (
        decide([StageFacts(0, SUCCEEDED), stage(CANCELLED, PENDING)], cancelled=False).open is None
    )
    kept = stage(SUCCEEDED, SUCCEEDED)  # by a rerun, which did not take the approval over
    assert decide([StageFacts(0, SUCCEEDED), kept], cancelled=False).open is None


def test_an_approved_stage_opens():
    approved = waiting(1, needs_approval=True, decision="approved")
    assert decide([StageFacts(0, SUCCEEDED), approved], cancelled=False).open == 1


def test_a_rejected_stage_ends_the_run_as_cancelled_but_cleans_up():
    rejected = waiting(1, needs_approval=True, decision="rejected")
    stages = [StageFacts(0, SUCCEEDED), rejected, waiting(2), waiting(3, run_if="always")]
    decision = decide(stages, cancelled=False)
    assert decision.ended == {1: CANCELLED, 2: SKIPPED}
    assert decision.open == 3


def test_cancelling_waits_for_what_runs_and_starts_nothing_more():
    stages = [opened(0, CANCELLED, RUNNING), waiting(1, run_if="always")]
    assert decide(stages, cancelled=True).outcome is None
    stages = [opened(0, CANCELLED, CANCELLED), waiting(1, run_if="always")]
    decision = decide(stages, cancelled=True)
    assert decision.ended == {0: CANCELLED, 1: SKIPPED}
    assert decision.outcome == CANCELLED


def test_asking_again_after_the_end_changes_nothing():
    decision = decide([StageFacts(0, SUCCEEDED), StageFacts(1, SKIPPED)], cancelled=False)
    assert (decision.open, decision.ended, decision.outcome) == (None, {}, SUCCEEDED)

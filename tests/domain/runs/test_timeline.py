"""A run over time: positions are milliseconds since it was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models import Attempt, Run, StageRun, StepRun
from domain.runs.durations import UsualDuration, UsualDurations
from domain.runs.timeline import Timeline, draw
from domain.statuses import FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED

BEGIN = 1_000_000


def a_run(ended: int | None = None) -> Run:
    return Run(id="run", created_at=BEGIN, completed_at=None if ended is None else BEGIN + ended)


def a_stage(number: int, opened: int | None) -> StageRun:
    at = None if opened is None else BEGIN + opened
    return StageRun(id=f"stage{number}", position=number, name=f"S{number}", opened_at=at)


def a_step(name: str, stage: int, status: str, *, ready: int | None = 0, **fields) -> StepRun:
    at = None if ready is None else BEGIN + ready
    return StepRun(id=name, name=name, stage=f"stage{stage}", status=status, ready_at=at, **fields)


def an_attempt(
    step: str, number: int, start: int, end: int | None, status: str = SUCCEEDED
) -> Attempt:
    return Attempt(
        step=step,
        number=number,
        status=RUNNING if end is None else status,
        started_at=BEGIN + start,
        completed_at=None if end is None else BEGIN + end,
    )


def drawn(run, stages, steps, attempts, usual=None, at: int = 10_000) -> Timeline:
    times = UsualDurations(steps=usual or {})
    return draw(run, stages, steps, attempts, times, BEGIN + at)


def test_a_step_waits_from_the_opening_of_its_stage_until_its_first_attempt() -> None:
    steps = [a_step("a", 0, SUCCEEDED, ready=3_000)]
    attempts = [an_attempt("a", 1, 500, 2_000, FAILED), an_attempt("a", 2, 3_100, 4_000)]
    bar = drawn(a_run(4_000), [a_stage(0, 100)], steps, attempts).bars["a"]
    assert bar.waited == (100, 500)
    assert [part[:4] for part in bar.attempts] == [
        (500, 2_000, FAILED, 1),
        (3_100, 4_000, SUCCEEDED, 2),
    ]
    assert not any(part.is_growing for part in bar.attempts)


def test_what_waits_and_what_runs_goes_on_until_now() -> None:
    steps = [a_step("a", 0, RUNNING), a_step("b", 0, PENDING), a_step("c", 1, PENDING, ready=None)]
    found = drawn(
        a_run(), [a_stage(0, 0), a_stage(1, None)], steps, [an_attempt("a", 1, 400, None)]
    )
    assert found.bars["a"].attempts[0][:3] == (400, 10_000, RUNNING)
    assert found.bars["a"].attempts[0].is_growing
    assert found.bars["b"].waited == (0, 10_000)
    assert (found.bars["c"].waited, found.bars["c"].attempts) == (None, [])
    assert found.span > 10_000, "bars have no room to grow into"


def test_a_step_that_was_skipped_or_kept_has_no_bar() -> None:
    steps = [
        a_step("kept", 0, SUCCEEDED, kept_from="x", completed_at=BEGIN),
        a_step("skipped", 0, SKIPPED, ready=None),
    ]
    for bar in drawn(a_run(5), [a_stage(0, 0)], steps, []).bars.values():
        assert (bar.waited, bar.attempts, bar.is_critical) == (None, [], False)


def test_a_step_that_was_completed_from_outside_has_a_bar_without_an_attempt() -> None:
    step = a_step("a", 0, SUCCEEDED, started_at=BEGIN + 10, completed_at=BEGIN + 700)
    bar = drawn(a_run(700), [a_stage(0, 10)], [step], []).bars["a"]
    assert [part[:3] for part in bar.attempts] == [(10, 700, SUCCEEDED)]


def test_a_stage_ends_with_the_step_that_ended_last() -> None:
    steps = [a_step("a", 0, SUCCEEDED), a_step("b", 0, SUCCEEDED), a_step("c", 1, SUCCEEDED)]
    attempts = [
        an_attempt("a", 1, 0, 900),
        an_attempt("b", 1, 0, 901),
        an_attempt("c", 1, 901, 902),
    ]
    bars = drawn(a_run(902), [a_stage(0, 0), a_stage(1, 901)], steps, attempts).bars
    assert [bars[name].is_critical for name in "abc"] == [False, True, True]


def test_while_it_runs_a_stage_will_end_with_what_usually_takes_longest() -> None:
    steps = [a_step(name, 0, RUNNING) for name in "ab"]
    attempts = [an_attempt("a", 1, 0, None), an_attempt("b", 1, 5, None)]
    usual = {
        ("S0", "a"): UsualDuration(11_000, 12_000, 9),
        ("S0", "b"): UsualDuration(60_000, 70_000, 9),
    }
    found = drawn(a_run(), [a_stage(0, 0)], steps, attempts, usual)
    assert [found.bars[name].is_critical for name in "ab"] == [False, True]
    assert found.bars["b"].ghost == (5, 60_005)
    assert found.span >= 60_005


@pytest.mark.parametrize(
    ("took", "samples", "is_late"),
    [(5_900, 9, False), (6_100, 9, True), (60_000, 2, False), (2_000, 9, False)],
)
def test_late_is_beyond_nine_in_ten_and_half_more_than_the_median(took, samples, is_late) -> None:
    usual = {("S0", "a"): UsualDuration(2_000, 5_000, samples)}
    steps, attempts = [a_step("a", 0, SUCCEEDED)], [an_attempt("a", 1, 0, took)]
    assert drawn(a_run(took), [a_stage(0, 0)], steps, attempts, usual).bars["a"].is_late is is_late


def test_a_clock_that_was_set_back_makes_no_negative_bar() -> None:
    steps, attempts = [a_step("a", 0, SUCCEEDED)], [an_attempt("a", 1, -50, -80)]
    (part,) = drawn(a_run(0), [a_stage(0, 0)], steps, attempts).bars["a"].attempts
    assert 0 <= part.start <= part.end


@given(st.integers(1, 10**11))
def test_there_are_a_few_lines_across_whatever_the_span(span: int) -> None:
    ticks = Timeline(0, span, {}).ticks()
    assert ticks[0] == 0
    assert ticks[-1] < span
    assert len(ticks) <= 8 or span > 7 * 28 * 86_400_000

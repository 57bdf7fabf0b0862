"""Limits for guesses: how many tries a key has, and when it has them again."""

import pytest

from blueprints.shared import throttling
from blueprints.shared.throttling import WINDOW_SECONDS, Throttle
from domain.errors import TooManyAttempts


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def wait(throttle: Throttle, *key: str) -> int:
    """Return the seconds after which a refused try may be repeated."""
    with pytest.raises(TooManyAttempts) as refused:
        throttle.take(*key)
    return refused.value.retry_after


def test_a_try_beyond_the_limit_waits_until_the_first_leaves_the_window():
    clock = Clock()
    throttle = Throttle(2, clock)
    throttle.take("ann")
    clock.time += 10
    throttle.take("ann")
    assert wait(throttle, "ann") == WINDOW_SECONDS - 10 + 1
    clock.time += WINDOW_SECONDS - 10.5
    assert wait(throttle, "ann") == 1
    clock.time += 0.5
    throttle.take("ann")


def test_a_refused_try_does_not_lengthen_the_wait():
    clock = Clock()
    throttle = Throttle(1, clock)
    throttle.take("ann")
    for _ in range(100):
        wait(throttle, "ann")
    clock.time += WINDOW_SECONDS
    throttle.take("ann")


def test_one_key_does_not_slow_down_another():
    throttle = Throttle(1, Clock())
    throttle.take("ann", "home")
    throttle.take("ann", "work")


def test_a_forgotten_key_has_all_its_tries_again():
    throttle = Throttle(1, Clock())
    throttle.take("ann")
    throttle.forget("ann")
    throttle.take("ann")


def test_memory_stays_bounded_however_many_keys_there_are(monkeypatch):
    monkeypatch.setattr(throttling, "MAX_KEYS", 3)
    throttle = Throttle(1, Clock())
    for number in range(10):
        throttle.take(str(number))
    assert len(throttle._tries) == 3
    assert wait(throttle, "9") > 0

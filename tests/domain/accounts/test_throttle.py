from domain.accounts import throttle
from domain.accounts.throttle import Throttle


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_the_try_after_the_limit_waits_until_the_first_is_out_of_the_window():
    clock = Clock()
    guard = Throttle(2, 60, clock)
    assert guard.take("ann") == 0
    clock.time += 10
    assert guard.take("ann") == 0
    assert guard.take("ann") == 50
    clock.time += 49.5
    assert guard.take("ann") == 0.5
    clock.time += 0.5
    assert guard.take("ann") == 0


def test_a_refused_try_does_not_lengthen_the_wait():
    clock = Clock()
    guard = Throttle(1, 60, clock)
    guard.take("ann")
    for _ in range(100):
        guard.take("ann")
    clock.time += 60
    assert guard.take("ann") == 0


def test_one_key_does_not_slow_down_another():
    guard = Throttle(1, 60, Clock())
    guard.take("ann")
    assert guard.take("bob") == 0


def test_a_forgotten_key_starts_anew():
    guard = Throttle(1, 60, Clock())
    guard.take("ann")
    guard.forget("ann")
    assert guard.take("ann") == 0


def test_memory_stays_bounded_however_many_keys_there_are(monkeypatch):
    monkeypatch.setattr(throttle, "MAX_KEYS", 3)
    guard = Throttle(1, 60, Clock())
    for number in range(10):
        guard.take(str(number))
    assert len(guard._tries) == 3
    assert guard.take("9") > 0

"""Waiting for a condition instead of sleeping for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    condition: Callable[[], T], seconds: float = 10, what: str | Callable[[], str] = ""
) -> T:
    """The first true value of `condition`; fails with `what` when there is none in time.

    The interval grows with the wait, because polling takes time from the process it waits for.
    """
    begin = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begin
        if waited > seconds:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {told or condition}")
        time.sleep(min(0.01 + waited / 10, 0.2))
    return value

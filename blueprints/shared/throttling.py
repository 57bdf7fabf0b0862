"""Rate limits for failed sign-ins and tokens, per client address.

They are kept in memory: each web process allows the full number, and a restart forgets.
"""

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app, request

from domain.errors import TooManyAttempts

TRIES_PER_NAME = 5
TRIES_PER_ADDRESS = 30
WINDOW_SECONDS = 300
MAX_KEYS = 10_000


class Throttle:
    """At most `limit` tries per key and window; safe to share between threads."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._tries: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, *key: str) -> None:
        """Count a try before it is made. Raises TooManyAttempts."""
        with self._lock:
            at = self._clock()
            tries = self._tries.setdefault(key, deque())
            self._tries.move_to_end(key)
            while tries and tries[0] <= at - WINDOW_SECONDS:
                tries.popleft()
            if len(tries) >= self._limit:
                raise TooManyAttempts(tries[0] + WINDOW_SECONDS - at)
            tries.append(at)
            if len(self._tries) > MAX_KEYS:
                self._tries.popitem(last=False)

    def forget(self, *key: str) -> None:
        """Forget the tries of a key that turned out to be no guesses."""
        with self._lock:
            self._tries.pop(key, None)


class Guesses:
    """Guesses at one user's password, at the passwords of many users, and at tokens."""

    def __init__(self) -> None:
        self.of_one = Throttle(TRIES_PER_NAME)
        self.of_many = Throttle(TRIES_PER_ADDRESS)
        self.of_tokens = Throttle(TRIES_PER_ADDRESS)


def register(app: Flask) -> None:
    """Give the application its own limits."""
    app.extensions["galley_guesses"] = Guesses()


def try_password(username: str) -> None:
    """Count a try before the password is checked. Raises TooManyAttempts."""
    _guesses().of_many.take(_sender())
    _guesses().of_one.take(_sender(), username)


def password_was_right(username: str) -> None:
    """Forget the failed tries at this user's password."""
    _guesses().of_one.forget(_sender(), username)


def token_was_bad() -> None:
    """Count a refused token; valid ones are never slowed. Raises TooManyAttempts."""
    _guesses().of_tokens.take(_sender())


def _guesses() -> Guesses:
    return cast(Guesses, current_app.extensions["galley_guesses"])


def _sender() -> str:
    return sender(request.remote_addr or "")


def sender(address: str) -> str:
    """Return whose tries count together: with IPv6 a client has a whole /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))

"""Requests that wait for a change, within the capacity of one web server.

Each holds one thread of the web server, so their number is limited. None holds a database
connection between two looks.
"""

import socket
import threading
import time
from collections.abc import Callable

from flask import current_app, g, request

from blueprints.shared.run_control import Shown
from domain.models import Run, db
from domain.runs import queries as run_queries

PLACES = 4
"""Half of the web server's threads; the others answer everybody else."""
RETRY_AFTER_SECONDS = 2
"""Told to who finds no place."""
PAUSE_SECONDS = 0.15
"""Between two looks. Measured, four who wait take less than a percent of one core."""
UNSEEN_SECONDS = 2.0
"""Interval for changes outside the version of the run, which cost more to detect."""


class Waiters:
    """The waiting requests of one web server; `waiting` places are taken."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._ended = False
        self.waiting = 0

    def end(self) -> None:
        """Stop all waits because the server stops. Safe in a signal handler."""
        self._ended = True

    def wait(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait until `is_over()`, asked several times a second, for at most that many seconds.

        The wait also ends when the server stops. Returns False at once if no place is free.
        """
        if not self._take():
            return False
        try:
            deadline = time.monotonic() + seconds
            while not self._ended and (left := deadline - time.monotonic()) > 0:
                time.sleep(min(PAUSE_SECONDS, left))
                if is_over():
                    break
            return True
        finally:
            self._take(-1)

    def _take(self, places: int = 1) -> bool:
        with self._lock:
            fits = self.waiting + places <= self._places
            self.waiting += places * fits
            return fits


def wait_for_change(shown: Shown, seconds: float) -> bool:
    """Wait until the run differs from `shown`; returns as `Waiters.wait` does.

    The wait also ends when the client hangs up. The caller may have lost access to the run
    meanwhile: load it again.
    """
    waiters: Waiters = current_app.extensions["galley_waiters"]
    client: socket.socket | None = request.environ.get("gunicorn.socket")
    look_closely_at = time.monotonic() + UNSEEN_SECONDS

    def is_over() -> bool:
        nonlocal look_closely_at
        if client is not None and _has_hung_up(client):
            return True
        closely = time.monotonic() >= look_closely_at
        try:
            return _differs(shown, closely=closely)
        finally:
            db.close()
            if closely:
                look_closely_at = time.monotonic() + UNSEEN_SECONDS

    db.close()
    began_at = time.perf_counter()
    try:
        return waiters.wait(seconds, is_over)
    finally:
        g.waited = time.perf_counter() - began_at


def _differs(shown: Shown, *, closely: bool) -> bool:
    if run_queries.version_of(shown.run.id) != shown.run.version:
        return True
    if not closely:
        return False
    run = Run.get_or_none(Run.id == shown.run.id)
    return run is None or Shown(run).tag != shown.tag


def _has_hung_up(client: socket.socket) -> bool:
    """Return whether the client has closed the connection; leaves the next request unread."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True

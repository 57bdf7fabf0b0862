"""Requests that wait until something has changed: who may wait, and what ends the wait.

Each holds one thread of the web server, so only some may wait at a time. None holds a connection to
the database: it is handed back between two looks.
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
"""How often to look at what may change without the run's version, which costs more."""


class Waiters:
    """The places of one web server for requests that wait; `waiting` are taken."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._ended = False
        self.waiting = 0

    def end(self) -> None:
        """The server stops: nobody waits any longer. Safe to call from a signal's handler."""
        self._ended = True

    def wait(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Wait until `is_over()`, asked some times a second; at most so many seconds.

        It also ends when the server stops. False, and at once, if there is no free place.
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
    """Wait until the run is no longer as `shown`; returns as `Waiters.wait` does.

    It also ends when the client hangs up, for then nobody needs the place any more. Who waited may
    have lost the right to see the run: load it anew.
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
    """Whether there is nothing to read but the end. A next request stays unread."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True

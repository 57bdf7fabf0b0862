"""Renew a step's lease while it runs, and learn of requests to stop it.

A thread does this, because the lease must also survive the time to store packages and to copy
releases and artifacts. A short step ends before the first heartbeat, so it costs only the thread.
"""

import logging
import threading
from collections.abc import Callable

from domain import engine
from domain.models import db
from jobs.scripts.runner import Stop, StopRequest
from jobs.shared.db_retry import AWAY

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 3


class Lease:
    """A lease that a thread renews while the context is active. `check_now` renews it at once."""

    def __init__(
        self,
        claim: engine.Claim,
        stop_request: StopRequest,
        *,
        lease_seconds: float,
        log_size: Callable[[], int],
        send_heartbeat: Callable[[], None],
    ) -> None:
        """send_heartbeat: sends the worker's own heartbeat."""
        self._claim = claim
        self._stop_request = stop_request
        self._lease_seconds = lease_seconds
        self._log_size = log_size
        self._send_heartbeat = send_heartbeat
        self._due = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._due.set()
        self._thread.join()

    def check_now(self) -> None:
        self._due.set()

    def _run(self) -> None:
        try:
            while True:
                self._due.wait(self._lease_seconds / BEATS_PER_LEASE)
                self._due.clear()
                if self._over:
                    return
                self._renew()
        finally:
            if not db.is_closed():
                db.close()

    def _renew(self) -> None:
        try:
            db.connect(reuse_if_open=True)
            answer = engine.beat(
                self._claim, lease_ms=int(self._lease_seconds * 1000), log_size=self._log_size()
            )
            self._obey(answer)  # first, as the next line may take long
            self._send_heartbeat()
        except AWAY as error:
            # The step continues. If the database is down for longer than the lease, the next
            # successful renewal reports that the lease was lost.
            log.warning("lease of step %s not renewed: %s", self._claim.step_id, error)
            db.close()
        except Exception:
            log.exception("lease of step %s not renewed", self._claim.step_id)

    def _obey(self, answer: str) -> None:
        if answer == "abort":
            self._stop_request.set(Stop.CANCELLED)
        elif answer == "lost":
            self._stop_request.set(Stop.LOST)

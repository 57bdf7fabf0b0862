"""Keeps a step's lease while it runs, and brings the wish to stop it.

A thread, because the worker is not always in its loop over a script: packages are stored, releases
laid out and artifacts copied, and none of that may cost the lease. A short step ends before the
first beat and pays for nothing but the thread.
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


class Heart:
    """Beats from `with` to its end. `look` makes it beat at once."""

    def __init__(
        self,
        held: engine.Claim,
        stop_request: StopRequest,
        *,
        lease_seconds: float,
        log_size: Callable[[], int],
        seen: Callable[[], None],
    ) -> None:
        self._held = held
        self._stop_request = stop_request
        self._lease_seconds = lease_seconds
        self._log_size = log_size
        self._seen = seen
        self._look = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._look.set()
        self._thread.join()

    def look(self) -> None:
        self._look.set()

    def _run(self) -> None:
        try:
            while True:
                self._look.wait(self._lease_seconds / BEATS_PER_LEASE)
                self._look.clear()
                if self._over:
                    return
                self._beat()
        finally:
            if not db.is_closed():
                db.close()

    def _beat(self) -> None:
        try:
            db.connect(reuse_if_open=True)
            answer = engine.beat(
                self._held, lease_ms=int(self._lease_seconds * 1000), log_size=self._log_size()
            )
            self._obey(answer)  # before anything that may take its time
            self._seen()
        except AWAY as error:
            # The step goes on: if the database comes back before the lease is over, all is well;
            # if not, the next beat that gets through learns that the step was taken away.
            log.warning("no beat for step %s: %s", self._held.step_id, error)
            db.close()
        except Exception:
            log.exception("no beat for step %s", self._held.step_id)  # the next one may get through

    def _obey(self, answer: str) -> None:
        if answer == "abort":
            self._stop_request.set(Stop.CANCELLED)
        elif answer == "lost":
            self._stop_request.set(Stop.LOST)

"""Log when free disk space on this host runs low, and when there is enough again."""

import logging
import threading

from domain import disk
from domain.settings import Settings

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.5
"""A heartbeat waits for no longer than this, and only once, so every lease is renewed in time."""


class DiskWatch:
    """The state of the disks when they were last checked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = disk.OK
        self._check = threading.Thread()

    def has_room(self) -> bool:
        """Check the disks, and return whether new runs may start.

        A mount that hangs would block the caller, so a thread does the check. While it hangs, the
        last known state counts.
        """
        if not self._check.is_alive():
            self._check = threading.Thread(target=self._look, name="disk watch", daemon=True)
            self._check.start()
            self._check.join(WAIT_SECONDS)
            if self._check.is_alive():
                log.warning("a disk does not answer, using its last known state")
        return self._state != disk.FULL

    def _look(self) -> None:
        room = disk.look(self._settings)
        if room.state != self._state:
            self._state = room.state
            log.warning("%s", room)

"""Says in the log when the room on this host's disks has become little, or enough again."""

import logging
import threading

from domain import disk
from domain.settings import Settings

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""Less than a lease can be: a beat waits for no more than this, and only once."""


class DiskWatch:
    """Remembers what it found last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = disk.OK
        self._looking = threading.Thread()

    def has_room(self) -> bool:
        """Look. Whether new runs may begin here; what was found last while no disk answers.

        A mount that hangs holds whoever looks at it, and hearts and reconcilers have other things
        to do: so a thread looks, and there is no second one before it is back.
        """
        if not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, name="disk watch", daemon=True)
            self._looking.start()
            self._looking.join(PATIENCE_SECONDS)
            if self._looking.is_alive():
                log.warning("a disk does not answer; going on with what was known of it")
        return self._state != disk.FULL

    def _look(self) -> None:
        room = disk.look(self._settings)
        if room.state != self._state:
            self._state = room.state
            log.warning("%s", room)

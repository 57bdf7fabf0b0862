"""Says in the log when the room on this host's disks has become little, or enough again."""

import logging

from domain import disk
from domain.settings import Settings

log = logging.getLogger(__name__)


class DiskWatch:
    """Remembers what it found last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = disk.OK

    def has_room(self) -> bool:
        """Look. Whether new runs may begin here."""
        room = disk.look(self._settings)
        if room.state != self._state:
            self._state = room.state
            log.warning("%s", room)
        return room.state != disk.FULL

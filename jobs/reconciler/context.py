"""The state that the repairs of one reconciler share."""

import time

from domain.clock import now
from domain.settings import Settings
from jobs.queue import Doorbell

JUMP_MS = 3_000
"""A longer time between two looks at the clock was not work: it was set, or the machine slept."""


class Context:
    def __init__(self, settings: Settings, doorbell: Doorbell) -> None:
        self.settings = settings
        self.doorbell = doorbell
        self.rare_at = 0.0
        """When the rare repairs are due (monotonic)."""
        self.last_look = now()
        self.be_patient()

    def be_patient(self) -> None:
        """Give workers one lease to be heard of, after a start, a pause or an outage."""
        self.patient_until = time.monotonic() + self.settings.lease_seconds

    def look_at_clock(self) -> None:
        """Be patient after a jump of the clock that leases use; it goes on while machines sleep."""
        at = now()
        if abs(at - self.last_look) > JUMP_MS:
            self.be_patient()
        self.last_look = at

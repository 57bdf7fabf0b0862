"""One line of the output of `make bench`."""

from dataclasses import dataclass


@dataclass
class Row:
    what: str
    measured: str
    reach: str
    reached: bool

    def line(self, width: int) -> str:
        sign = "ok  " if self.reached else "MISS"
        return f"{sign} {self.what:{width}}  {self.measured:34} {self.reach}"

"""The result lines of `make bench`."""

from dataclasses import dataclass


@dataclass
class Row:
    name: str
    measured: str
    target: str
    is_met: bool

    def line(self, width: int) -> str:
        sign = "ok  " if self.is_met else "MISS"
        return f"{sign} {self.name:{width}}  {self.measured:34} {self.target}"

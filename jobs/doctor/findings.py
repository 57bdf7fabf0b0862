"""What a check of the installation finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but not as well, or not as safely, as it could."""
    FAULT = "fault"
    """Something does not work, or will be lost."""
    SKIPPED = "skipped"
    """Could not be looked at; why is said, and is a finding of its own or no fault at all."""


@dataclass(frozen=True)
class Finding:
    """A sentence about what was found; where it is not ok, the way out: a command or a setting."""

    state: State
    found: str
    way_out: str = ""
    check: str = ""
    """What was looked at; added by whoever ran the check."""


def ok(found: str) -> Finding:
    return Finding(State.OK, found)


def warning(found: str, way_out: str) -> Finding:
    return Finding(State.WARNING, found, way_out)


def fault(found: str, way_out: str) -> Finding:
    return Finding(State.FAULT, found, way_out)


def skipped(found: str) -> Finding:
    return Finding(State.SKIPPED, found)


def unless(trouble: Iterable[Finding], well: str) -> list[Finding]:
    """The trouble; without any, that all is well."""
    return list(trouble) or [ok(well)]

"""The history of a test over the last runs: since when it fails, and whether it is flaky. Pure.

A test is one suite and name in the step of one name. A run *counts* if the test passed or failed
(or had an error) in it. Runs that skipped or lack the test are ignored: they neither end nor extend
a failure streak, and are no change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.test_results.results import FAILURES

WINDOW = 20
"""The number of newest runs examined."""
FLAKY_CHANGES = 3
"""A test that broke and was fixed changed twice; one that changes more often is flaky."""

GOOD = "Pass"


@dataclass(frozen=True)
class Mark:
    """The result of a test in one run."""

    run_id: str
    number: int
    step_id: str
    test_id: str
    result: str


@dataclass(frozen=True)
class History:
    """The marks of one test, up to the run being viewed."""

    marks: Sequence[Mark]
    """The oldest first; only runs that have the test."""
    goes_on: bool = False
    """True if the oldest run examined has the test, and there are earlier runs."""

    @property
    def failing_since(self) -> Mark | None:
        """Return the first mark of the current failure streak, or None if the test passes."""
        streak = self._failure_streak()
        return streak[0] if streak else None

    @property
    def failing_runs(self) -> int:
        """Return the length of the current failure streak."""
        return len(self._failure_streak())

    @property
    def is_since_before(self) -> bool:
        """Return whether the streak may have begun before the runs examined."""
        return self.goes_on and self.failing_runs == len(self._counted()) > 0

    @property
    def is_newly_failing(self) -> bool:
        """Return whether it failed after it had passed."""
        return self.failing_runs == 1 and len(self._counted()) > 1

    @property
    def is_fixed(self) -> bool:
        """Return whether it passed after it had failed."""
        last = [mark.result in FAILURES for mark in self._counted()[-2:]]
        return last == [True, False]

    @property
    def changes(self) -> int:
        """Return how often it changed from passing to failing or back."""
        return sum(
            (one.result == GOOD) != (other.result == GOOD)
            for one, other in pairwise(self._counted())
        )

    @property
    def is_flaky(self) -> bool:
        return self.changes >= FLAKY_CHANGES

    def _counted(self) -> list[Mark]:
        return [mark for mark in self.marks if mark.result == GOOD or mark.result in FAILURES]

    def _failure_streak(self) -> list[Mark]:
        counted = self._counted()
        passed = [index for index, mark in enumerate(counted) if mark.result == GOOD]
        return counted[passed[-1] + 1 :] if passed else counted

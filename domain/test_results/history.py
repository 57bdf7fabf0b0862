"""What the last runs say about a test: since when it fails, whether it is flaky. Pure.

A test is one suite and name in the step of one name. A run *counts* for it if the test passed or
was bad there (failed, or had an error). Where it was skipped or is not there, nothing is known:
such a run neither breaks a row of failures nor makes one longer, and is no change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.test_results.results import FAILURES

WINDOW = 20
"""How many of the newest runs are looked at."""
FLAKY_CHANGES = 3
"""A test that broke and was mended changed twice; one that changes more often is flaky."""

GOOD = "Pass"


@dataclass(frozen=True)
class Mark:
    """What became of a test in one run."""

    run_id: str
    number: int
    step_id: str
    test_id: str
    result: str


@dataclass(frozen=True)
class History:
    """Of one test, up to the run that is looked at."""

    marks: Sequence[Mark]
    """The oldest first; only runs in which the test is there."""
    goes_on: bool = False
    """It is there in the oldest run that was looked at, and there are runs before that."""

    @property
    def failing_since(self) -> Mark | None:
        """The first of the failures in a row that the newest run that counts ends; None if that
        passed."""
        row = self._failures_in_a_row()
        return row[0] if row else None

    @property
    def failing_runs(self) -> int:
        """How long that row is."""
        return len(self._failures_in_a_row())

    @property
    def is_since_before(self) -> bool:
        """No success is known, and not all runs were looked at: it may fail for longer."""
        return self.goes_on and self.failing_runs == len(self._counted()) > 0

    @property
    def is_newly_failing(self) -> bool:
        """It failed, and passed the time before."""
        return self.failing_runs == 1 and len(self._counted()) > 1

    @property
    def is_mended(self) -> bool:
        """It passed, and was bad the time before."""
        last = [mark.result in FAILURES for mark in self._counted()[-2:]]
        return last == [True, False]

    @property
    def changes(self) -> int:
        """How often it turned from passing to failing or back, from one run that counts to the
        next."""
        return sum(
            (one.result == GOOD) != (other.result == GOOD)
            for one, other in pairwise(self._counted())
        )

    @property
    def is_flaky(self) -> bool:
        return self.changes >= FLAKY_CHANGES

    def _counted(self) -> list[Mark]:
        return [mark for mark in self.marks if mark.result == GOOD or mark.result in FAILURES]

    def _failures_in_a_row(self) -> list[Mark]:
        counted = self._counted()
        passed = [place for place, mark in enumerate(counted) if mark.result == GOOD]
        return counted[passed[-1] + 1 :] if passed else counted

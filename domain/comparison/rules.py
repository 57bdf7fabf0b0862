"""Rules that compare two runs of one workflow. Pure.

*After* is the run being viewed, *before* the one that it is compared with.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from domain.definitions.diff import Difference
from domain.definitions.outline import same
from domain.statuses import FAILED, SUCCEEDED
from domain.test_results.results import FAILURES

MOVED_MS = 1_000
MOVED_SHARE = 0.2
"""The change of a step's duration that is shown: at least both, the share of the longer time."""

_GOOD = "Pass"
_WORST_LAST = ("Skip", _GOOD, *FAILURES)

Kind = Literal["added", "removed", "changed"]


# ---- members: parameters, files --------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A member that differs; the value is None on a side that lacks it."""

    kind: Kind
    name: str
    before: Any
    after: Any


def changed_members(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Member]:
    """Return the members that differ, in the order of `after`; removed ones come last."""
    found = []
    for name, value in after.items():
        if name not in before:
            found.append(Member("added", name, None, value))
        elif not same(before[name], value):
            found.append(Member("changed", name, before[name], value))
    gone = (name for name in before if name not in after)
    return found + [Member("removed", name, before[name], None) for name in gone]


# ---- suites and environments -----------------------------------------------------------------


def surroundings(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> list[Difference]:
    """Return the changes of suites and environments that both runs used.

    before, after: the specs of the steps (`domain.runs.step_specs`).
    """
    old, new = _used(before), _used(after)
    return [
        Difference("changed", key, (*key, member.name), member.name, member.before, member.after)
        for key, values in new.items()
        if key in old
        for member in changed_members(old[key], values)
    ]


def _used(specs: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return ("Suite" or "Environment", name) → its values."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for spec in specs:
        if "suite" in spec:
            values = {"script": spec["script"], "timeoutSeconds": spec["timeoutSeconds"]}
            found.setdefault(("Suite", spec["suite"]), values)
        elif "target" in spec:
            settings = {f"settings.{name}": value for name, value in spec["settings"].items()}
            values = {"driver": spec["driver"], **settings}
            found.setdefault(("Environment", spec["target"]), values)
    return found


# ---- steps -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepFacts:
    id: str
    stage: str
    name: str
    type: str
    status: str
    duration_ms: int | None
    """None if it has not ended, or never ran."""
    is_reused: bool = False
    """The step did not run in this run, so its duration means nothing."""
    message: str = ""


@dataclass(frozen=True)
class StepPair:
    """The steps of one name in both runs; None where it is missing."""

    before: StepFacts | None
    after: StepFacts | None

    @property
    def any(self) -> StepFacts:
        """Return the later step, or the earlier one if it is missing."""
        return cast(StepFacts, self.after or self.before)

    @property
    def has_turned(self) -> bool:
        """Return whether its status differs, or only one run has the step."""
        return (self.before and self.before.status) != (self.after and self.after.status)

    @property
    def broke(self) -> bool:
        """Return whether it succeeded before and failed after."""
        if self.before is None or self.after is None:
            return False
        return (self.before.status, self.after.status) == (SUCCEEDED, FAILED)

    @property
    def moved_ms(self) -> int | None:
        """Return the change of its duration, or None if the durations are not comparable."""
        one, other = self.before, self.after
        if one is None or other is None or self.has_turned or one.is_reused or other.is_reused:
            return None
        if one.duration_ms is None or other.duration_ms is None:
            return None
        return other.duration_ms - one.duration_ms

    @property
    def has_moved(self) -> bool:
        """Return whether its duration changed notably."""
        moved = self.moved_ms
        if moved is None or self.before is None or self.after is None:
            return False
        longer = max(self.before.duration_ms or 0, self.after.duration_ms or 0)
        return abs(moved) >= max(MOVED_MS, MOVED_SHARE * longer)


def pair_steps(before: Sequence[StepFacts], after: Sequence[StepFacts]) -> list[StepPair]:
    """Pair steps by name, in the order of `after`; removed ones come last."""
    old = {step.name: step for step in before}
    names = {step.name for step in after}
    pairs = [StepPair(old.get(step.name), step) for step in after]
    return pairs + [StepPair(step, None) for step in before if step.name not in names]


def notable_pairs(pairs: Iterable[StepPair]) -> list[StepPair]:
    """Return steps whose status differs, in order, then changed durations, the largest first."""
    notable = [pair for pair in pairs if pair.has_turned or pair.has_moved]
    return sorted(notable, key=lambda pair: (not pair.has_turned, -abs(pair.moved_ms or 0)))


# ---- tests -----------------------------------------------------------------------------------

TestKey = tuple[str, str, str]
"""Step, suite and name."""


@dataclass(frozen=True)
class ChangedTest:
    step: str
    suite: str
    name: str
    before: str | None
    after: str | None
    """Its results; None in a run without the test."""


@dataclass(frozen=True)
class TestChanges:
    __test__ = False  # no test class

    failing: list[ChangedTest] = field(default_factory=list)
    """Failed after, but not before."""
    passing: list[ChangedTest] = field(default_factory=list)
    """Failed before and passed after."""
    new: list[ChangedTest] = field(default_factory=list)
    """Failures come first."""
    gone: list[ChangedTest] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.failing or self.passing or self.new or self.gone)


def compare_tests(
    before: Iterable[tuple[TestKey, str]],
    after: Iterable[tuple[TestKey, str]],
    cut: Collection[str] = (),
) -> TestChanges:
    """Compare the tests of steps that have tests in both runs.

    Of tests that share a name the worst result counts.
    cut: steps of which not all tests are known, so that none is called new or gone.
    """
    old, new = _results(before), _results(after)
    in_both = {key[0] for key in old} & {key[0] for key in new}
    found = TestChanges()
    for key, result in new.items():
        was = old.get(key)
        if key[0] not in in_both:
            continue
        test = ChangedTest(*key, was, result)
        if was is None:
            if key[0] not in cut:
                found.new.append(test)
        elif result in FAILURES and was not in FAILURES:
            found.failing.append(test)
        elif result == _GOOD and was in FAILURES:
            found.passing.append(test)
    found.new.sort(key=lambda test: test.after not in FAILURES)
    gone = (key for key in old if key not in new and key[0] in in_both and key[0] not in cut)
    found.gone.extend(ChangedTest(*key, old[key], None) for key in gone)
    return found


def _results(tests: Iterable[tuple[TestKey, str]]) -> dict[TestKey, str]:
    found: dict[TestKey, str] = {}
    for key, result in tests:
        known = found.get(key)
        if known is None or _WORST_LAST.index(result) > _WORST_LAST.index(known):
            found[key] = result
    return found


# ---- releases --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReleaseFacts:
    id: str
    ingredient: str
    version: str
    step: str
    """The step that built it in this run; "" if the run only tested it."""
    files: Mapping[str, str]
    """Path → SHA-256."""


@dataclass(frozen=True)
class ReleasePair:
    before: ReleaseFacts | None
    after: ReleaseFacts | None

    @property
    def any(self) -> ReleaseFacts:
        return cast(ReleaseFacts, self.after or self.before)

    @property
    def is_same(self) -> bool:
        """Return whether both are one release, or have the same files byte for byte."""
        return bool(self.before and self.after and self.before.files == self.after.files)

    @property
    def files(self) -> list[Member]:
        """Return the files that differ, if there are two releases."""
        if self.before is None or self.after is None:
            return []
        return changed_members(self.before.files, self.after.files)

    @property
    def same_files(self) -> int:
        """Count the files that are the same byte for byte."""
        if self.before is None or self.after is None:
            return 0
        return len(self.before.files.items() & self.after.files.items())


def pair_releases(
    before: Iterable[ReleaseFacts], after: Iterable[ReleaseFacts]
) -> list[ReleasePair]:
    """Pair releases by ingredient and by the step that built them."""
    old = {(release.ingredient, release.step): release for release in before}
    new = {(release.ingredient, release.step): release for release in after}
    pairs = [ReleasePair(old.get(key), release) for key, release in new.items()]
    return pairs + [ReleasePair(release, None) for key, release in old.items() if key not in new]

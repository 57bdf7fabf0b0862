"""Two runs of one workflow read for `domain.comparison.rules`, and which run to compare with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from domain.clock import elapsed
from domain.comparison.log_difference import FirstDifference, first_difference, readable
from domain.comparison.rules import (
    Member,
    ReleaseFacts,
    ReleasePair,
    StepFacts,
    StepPair,
    TestChanges,
    TestKey,
    changed_members,
    compare_tests,
    pair_releases,
    pair_steps,
    surroundings,
)
from domain.definitions.diff import Difference, differences
from domain.definitions.references import ReleaseReference, release_reference
from domain.errors import FieldError, Invalid
from domain.logs import error_lines, run_logs, windows
from domain.logs.files import read_log
from domain.models import (
    Ingredient,
    Release,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestResult,
    WorkflowRevision,
    first_id,
)
from domain.releases.ingredients import packages_of
from domain.releases.releases import releases_of_run
from domain.statuses import SUCCEEDED
from domain.test_results.results import shown_by
from domain.workflows import queries as workflow_queries

LOG_BYTES = 1024 * 1024
"""How much of the beginning of each log is held against the other: half a second at worst."""
LOGS = 3
"""Of how many steps."""
TESTS = 100_000
"""How many tests of each run are held against each other."""
BEFORE, AFTER = 20, 5
"""How many runs before and after it a run can be compared with by choice."""


@dataclass(frozen=True)
class ErrorLine:
    """A line of a log that looks like an error."""

    number: int
    text: str
    is_first: bool
    """Nothing before it was passed over."""


@dataclass(frozen=True)
class StepLog:
    """The logs of a step that succeeded before and failed after."""

    step: StepPair
    found: FirstDifference | None
    is_whole: bool
    """Both logs were read to their end."""
    is_there: bool
    """There is something in both logs."""
    error: ErrorLine | None = None
    """What seems to have gone wrong after: logs may part long before it, where nothing is amiss."""


@dataclass(frozen=True)
class Comparison:
    before: Run
    after: Run
    parameters: list[Member]
    definition: list[Difference]
    surroundings: list[Difference]
    releases: list[ReleasePair]
    steps: list[StepPair]
    tests: TestChanges
    are_all_tests: bool
    """False if there are more than are compared."""
    logs: list[StepLog]
    """Of the first steps that broke."""
    revisions: list[WorkflowRevision]
    """Saved after the one of the earlier run, up to that of the later; the newest first."""
    between: list[Run]
    """The newest runs between both, the newest first."""
    between_count: int


# ---- which run -------------------------------------------------------------------------------


def last_good(run: Run) -> Run | None:
    """The last run of the same workflow before it that succeeded."""
    found: Run | None = (
        _of_workflow(run)
        .where((Run.status == SUCCEEDED) & (Run.number < run.number))
        .order_by(Run.number.desc())
        .first()
    )
    return found


def choices(run: Run, *others: Run | None) -> list[Run]:
    """The runs of the same workflow around it, the newest first; without it, and with `others`."""
    later = _of_workflow(run).where(Run.number > run.number).order_by(Run.number).limit(AFTER)
    earlier = _of_workflow(run).where(Run.number < run.number).order_by(Run.number.desc())
    found = {row.id: row for row in [*later, *earlier.limit(BEFORE), *filter(None, others)]}
    return sorted(found.values(), key=lambda row: -row.number)


def require_comparable(run: Run, other: Run) -> None:
    """Raises Invalid."""
    if other.workflow_id != run.workflow_id:
        said = "That is a run of another workflow: what changed can only be told within one."
    elif other.id == run.id:
        said = "A run does not differ from itself: choose another one."
    else:
        return
    raise Invalid([FieldError("/with", "not_allowed", said)], said)


def _of_workflow(run: Run) -> Any:
    return Run.select().where(Run.workflow == run.workflow_id)


# ---- both of them ----------------------------------------------------------------------------


def compare(data_dir: Path, before: Run, after: Run) -> Comparison:
    """All that differs. The runs are of one workflow (`require_comparable`)."""
    definition = _definition(before, after)
    old, new = _Side(before, _renamed(definition)), _Side(after, {})
    steps = pair_steps(old.steps, new.steps)
    old_tests, new_tests = list(old.tests()), list(new.tests())
    cut = old.cut | new.cut
    revisions = _revisions(before, after)
    between = _between(before, after)
    return Comparison(
        before=before,
        after=after,
        parameters=changed_members(before.parameters or {}, after.parameters or {}),
        definition=definition,
        surroundings=surroundings(old.specs.values(), new.specs.values()),
        releases=pair_releases(old.releases(), new.releases()),
        steps=steps,
        tests=compare_tests(old_tests, new_tests, cut),
        are_all_tests=not cut,
        logs=list(_logs(data_dir, [pair for pair in steps if pair.broke][:LOGS], old, new)),
        revisions=revisions,
        between=list(between.order_by(Run.number.desc()).limit(BEFORE)),
        between_count=between.count(),
    )


def _definition(before: Run, after: Run) -> list[Difference]:
    if before.revision == after.revision:
        return []
    numbers = (before.revision, after.revision)
    one, other = (workflow_queries.get_revision(after.workflow, number) for number in numbers)
    return differences(one.definition, other.definition)


def _renamed(definition: Sequence[Difference]) -> dict[str, str]:
    """What steps were called before → after."""
    return {
        item.before: item.after
        for item in definition
        if item.kind == "changed" and item.field == "name" and "steps" in item.path
    }


def _revisions(before: Run, after: Run) -> list[WorkflowRevision]:
    first, last = sorted((before.revision, after.revision))
    number = WorkflowRevision.number
    saved = workflow_queries.find_revisions(after.workflow)
    return list(saved.where((number > first) & (number <= last)).limit(BEFORE))


def _between(before: Run, after: Run) -> Any:
    first, last = sorted((before.number, after.number))
    return _of_workflow(after).where((Run.number > first) & (Run.number < last))


def _logs(
    data_dir: Path, broken: Sequence[StepPair], old: "_Side", new: "_Side"
) -> Iterator[StepLog]:
    for pair in broken:
        texts, are_whole = [], True
        for side in (old, new):
            log = run_logs.of_step(data_dir, side.rows[pair.any.name])
            data, _ = read_log(log.path, 0, LOG_BYTES, complete=log.is_over)
            are_whole &= len(data) < LOG_BYTES
            texts.append(data.decode("utf-8", "replace"))
        found = first_difference(*texts) if all(texts) else None
        yield StepLog(pair, found, are_whole, all(texts), _error(log.path))


def _error(path: Path) -> ErrorLine | None:
    found = error_lines.first_error(path)
    if found.number is None:
        return None
    window = windows.after(path, found.number - 1, limit=1)
    text = readable(window.lines[0].text) if window.lines else ""
    return ErrorLine(found.number, text, found.is_first)


class _Side:
    """One of the runs, with what belongs to it. Its steps go by their names of after."""

    def __init__(self, run: Run, renamed: Mapping[str, str]) -> None:
        self.run = run
        self.cut: set[str] = set()
        """See `tests`."""
        self._meanings: dict[tuple[str, int], Release | None] = {}
        query = (
            StepRun.select(StepRun, StageRun)
            .join(StageRun)
            .where(StepRun.run == run.id)
            .order_by(StageRun.position, StepRun.position)
        )
        self.rows: dict[str, StepRun] = {renamed.get(row.name, row.name): row for row in query}

    @cached_property
    def steps(self) -> list[StepFacts]:
        return [
            StepFacts(
                row.id,
                row.stage.name,
                name,
                row.type,
                row.status,
                elapsed(row.started_at, row.completed_at),
                is_kept=row.kept_from is not None,
                message=row.message,
            )
            for name, row in self.rows.items()
        ]

    @cached_property
    def specs(self) -> dict[str, Mapping[str, Any]]:
        """By the name of the step, in their order."""
        names = {row.id: name for name, row in self.rows.items()}
        found = {
            names[spec.step_id]: spec.spec
            for spec in StepSpec.select(StepSpec.step, StepSpec.spec).where(
                StepSpec.step.in_(list(names))
            )
        }
        return {name: found[name] for name in self.rows if name in found}

    # ---- tests -------------------------------------------------------------------------------

    @cached_property
    def _tested(self) -> dict[str, StepRun]:
        """Step name → the step that really ran its tests."""
        rows = {name: row for name, row in self.rows.items() if row.test_counts}
        kept = [row.kept_from for row in rows.values() if row.kept_from]
        origins = {row.id: row for row in StepRun.select().where(StepRun.id.in_(kept))}
        return {name: origins.get(row.kept_from, row) for name, row in rows.items()}

    def tests(self) -> Iterator[tuple[TestKey, str]]:
        """Of the steps in their order; no more than are compared. Then `cut` names the steps of
        which there were more, or more than the worker has kept.
        """
        left = TESTS
        for step_name, row in self._tested.items():
            columns = (TestResult.suite, TestResult.name, TestResult.result)
            of_step = TestResult.select(*columns).where(shown_by(row)).order_by(TestResult.id)
            found = list(of_step.limit(left).tuples())
            left -= len(found)
            if len(found) < row.test_counts["total"]:
                self.cut.add(step_name)
            for suite, name, result in found:
                yield (step_name, suite, name), result

    # ---- releases ----------------------------------------------------------------------------

    def releases(self) -> list[ReleaseFacts]:
        """What its steps made, and what they tested besides."""
        made_by = {row.release_id: name for name, row in self.rows.items() if row.release_id}
        made = releases_of_run(self.run.id)
        known = {release.id for release in made}
        tested = [release for release in self._tested_releases() if release.id not in known]
        packages = packages_of([*made, *tested])
        return [
            ReleaseFacts(
                release.id,
                release.ingredient_id,
                release.version,
                made_by.get(release.id, ""),
                {package.path: package.sha256 for package in packages[release.id]},
            )
            for release in [*made, *tested]
        ]

    def _tested_releases(self) -> Iterable[Release]:
        """What the references of its Test steps mean, in the order of the steps; each once."""
        found: dict[str, Release] = {}
        for name, spec in self.specs.items():
            started = self.rows[name].started_at
            for text in spec.get("releaseIds", ()) if started else ():
                release = self._meant(text, started)
                if release is not None:
                    found.setdefault(release.id, release)
        return found.values()

    def _meant(self, text: str, at: int) -> Release | None:
        """The release that a reference meant when the step began; None for those of the run, and
        for what was deleted since.

        `latest` was then the newest that there was: ids sort by time.
        """
        reference = release_reference(text)
        if reference is None or reference.version == "run":
            return None
        key = text, at if reference.version == "latest" else 0
        if key not in self._meanings:
            self._meanings[key] = self._looked_up(reference, at)
        return self._meanings[key]

    def _looked_up(self, reference: ReleaseReference, at: int) -> Release | None:
        query = Release.select().join(Ingredient).where(Ingredient.project == self.run.project_id)
        if reference.id is not None:
            query = query.where(Release.id == reference.id)
        elif reference.version == "latest":
            of_then = (Release.ingredient == reference.ingredient) & (Release.id < first_id(at))
            query = query.where(of_then)
        else:
            of_version = Release.version == reference.version
            query = query.where((Release.ingredient == reference.ingredient) & of_version)
        found: Release | None = query.order_by(Release.id.desc()).first()
        return found

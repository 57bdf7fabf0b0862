"""One side of a comparison: a run with its steps, specs, tests and releases."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from domain.clock import elapsed
from domain.comparison.rules import ReleaseFacts, StepFacts, TestKey
from domain.definitions.references import ReleaseReference, release_reference
from domain.models import (
    Ingredient,
    Release,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestResult,
    first_id,
)
from domain.releases.ingredients import packages_of
from domain.releases.releases import releases_of_run
from domain.test_results.results import shown_by

TESTS = 100_000
"""The number of tests of each run that are compared."""


class Side:
    """One of the runs. Its steps go by the names that they have in the later run."""

    def __init__(self, run: Run, renamed: Mapping[str, str]) -> None:
        self.run = run
        self.cut: set[str] = set()
        """Names of steps of which `tests` did not yield every test."""
        self._resolved: dict[tuple[str, int], Release | None] = {}
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
                is_reused=row.kept_from is not None,
                message=row.message,
            )
            for name, row in self.rows.items()
        ]

    @cached_property
    def specs(self) -> dict[str, Mapping[str, Any]]:
        """Return step name → spec, in the order of the steps."""
        query = StepSpec.select(StepSpec.step, StepSpec.spec).where(
            StepSpec.step.in_([row.id for row in self.rows.values()])
        )
        found = {row.step_id: row.spec for row in query}
        return {name: found[row.id] for name, row in self.rows.items() if row.id in found}

    # ---- tests -------------------------------------------------------------------------------

    @cached_property
    def _tested(self) -> dict[str, StepRun]:
        """Return step name → the step that really ran its tests."""
        rows = {name: row for name, row in self.rows.items() if row.test_counts}
        reused = [row.kept_from for row in rows.values() if row.kept_from]
        origins = {row.id: row for row in StepRun.select().where(StepRun.id.in_(reused))}
        return {name: origins.get(row.kept_from, row) for name, row in rows.items()}

    def tests(self) -> Iterator[tuple[TestKey, str]]:
        """Yield tests in the order of the steps, up to TESTS; fills `cut`."""
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
        """Return the releases that its steps built, then others that they tested."""
        built_by = {row.release_id: name for name, row in self.rows.items() if row.release_id}
        built = releases_of_run(self.run.id)
        known = {release.id for release in built}
        tested = [release for release in self._tested_releases() if release.id not in known]
        packages = packages_of([*built, *tested])
        return [
            ReleaseFacts(
                release.id,
                release.ingredient_id,
                release.version,
                built_by.get(release.id, ""),
                {package.path: package.sha256 for package in packages[release.id]},
            )
            for release in [*built, *tested]
        ]

    def _tested_releases(self) -> Iterable[Release]:
        found: dict[str, Release] = {}
        for name, spec in self.specs.items():
            started = self.rows[name].started_at
            for text in spec.get("releaseIds", ()) if started else ():
                release = self._resolve(text, started)
                if release is not None:
                    found.setdefault(release.id, release)
        return found.values()

    def _resolve(self, text: str, at: int) -> Release | None:
        """Return the release that a reference meant when its step started.

        None for releases of the run itself, and for those deleted since.
        """
        reference = release_reference(text)
        if reference is None or reference.version == "run":
            return None
        key = text, at if reference.version == "latest" else 0
        if key not in self._resolved:
            self._resolved[key] = self._look_up(reference, at)
        return self._resolved[key]

    def _look_up(self, reference: ReleaseReference, at: int) -> Release | None:
        query = Release.select().join(Ingredient).where(Ingredient.project == self.run.project_id)
        if reference.id is not None:
            query = query.where(Release.id == reference.id)
        else:
            query = query.where(Release.ingredient == reference.ingredient)
            is_latest = reference.version == "latest"  # the newest then: ids sort by time
            query = query.where(
                Release.id < first_id(at) if is_latest else Release.version == reference.version
            )
        found: Release | None = query.order_by(Release.id.desc()).first()
        return found

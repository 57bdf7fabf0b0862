"""References in a definition to ingredients, releases, suites and environments. Pure.

A *release reference* is a release id, `ingredient@version`, `ingredient@latest` or
`ingredient@run`. An *artifact path* may begin with one and a colon.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from domain.validation.patterns import SLUG_BODY

_PICKED = rf"(?P<ingredient>{SLUG_BODY})@(?P<version>[^\s\x00-\x1f/:@]{{1,200}})"
_RELEASE = re.compile(rf"(?P<id>[0-9a-f]{{24}})|{_PICKED}")
_ARTIFACT = re.compile(rf"(?:{_PICKED}:)?(?P<path>.*)", re.DOTALL)

INGREDIENT = "ingredient"
TEST_SUITE = "test_suite"
ENVIRONMENT = "environment"


@dataclass(frozen=True)
class ReleaseReference:
    """An `id`, or an `ingredient` and a `version` (which may be `latest` or `run`)."""

    id: str | None
    ingredient: str | None
    version: str | None


@dataclass(frozen=True)
class ArtifactPath:
    """A path or glob among packages; with an `ingredient` only among those of its release."""

    ingredient: str | None
    version: str | None
    path: str


@dataclass(frozen=True)
class Reference:
    """One thing that a definition names by id or name; `field` is a JSON pointer."""

    field: str
    kind: str
    name: str


def release_reference(text: str) -> ReleaseReference | None:
    """Read one element of `releaseIds`; None if it is not valid."""
    match = _RELEASE.fullmatch(text)
    return ReleaseReference(match["id"], match["ingredient"], match["version"]) if match else None


def environment_lock(environment_id: str) -> str:
    """Return the lock of a running Deploy step: only one deployment to an environment at a time."""
    return f"environment:{environment_id}"


def artifact_path(text: str) -> ArtifactPath | None:
    """Read an `artifactPath`; None if it is empty, absolute or contains `..`."""
    match = _ARTIFACT.fullmatch(text)
    if not match or not match["path"] or match["path"].endswith("/"):
        return None
    path = PurePosixPath(match["path"])
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return None
    return ArtifactPath(match["ingredient"], match["version"], match["path"])


def references(definition: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield everything a normalized definition names that must exist when a run starts."""
    for i, stage in enumerate(definition["stages"]):
        for j, step in enumerate(stage["steps"]):
            where = f"/stages/{i}/steps/{j}/configuration"
            yield from _of_step(where, step["type"], step["configuration"])


def _of_step(where: str, kind: str, configuration: Mapping[str, Any]) -> Iterator[Reference]:
    if kind == "Build":
        yield Reference(f"{where}/ingredientId", INGREDIENT, configuration["ingredientId"])
    elif kind == "Test":
        yield Reference(f"{where}/testSuite", TEST_SUITE, configuration["testSuite"])
        for n, text in enumerate(configuration["releaseIds"]):
            release = release_reference(text)
            if release and release.ingredient:
                yield Reference(f"{where}/releaseIds/{n}", INGREDIENT, release.ingredient)
    else:
        yield Reference(f"{where}/target", ENVIRONMENT, configuration["target"])
        artifact = artifact_path(configuration["artifactPath"])
        if artifact and artifact.ingredient:
            yield Reference(f"{where}/artifactPath", INGREDIENT, artifact.ingredient)

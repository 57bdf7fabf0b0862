"""Releases that a step of a draft can choose, and the effect of choosing one.

A Test step tests any number of releases. A Deploy step takes its artifact from one, which is the
prefix of its path: `larder@run:dist/*.whl`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from peewee import fn

from domain.definitions.references import artifact_path, release_reference
from domain.editor import operations
from domain.editor.operations import Draft, Part
from domain.models import Package, Release

MAX_INGREDIENTS = 20
"""Ingredients whose releases are offered; those that the draft builds come first."""
MAX_VERSIONS = 3
"""Versions of each ingredient."""
MAX_PACKAGES = 50
SEEN = 200
"""Releases to search for the newest versions."""


def built_before(draft: Draft, part_id: str) -> list[str]:
    """Return the ingredients that a run has released before the step.

    The steps of one stage run in parallel, so they cannot use each other's releases.
    """
    number = operations.path_of(draft, part_id)[1]
    return _built(draft["stages"][: int(number)])


def offers(
    draft: Draft, part_id: str, ingredients: Sequence[str], versions: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return the releases that the step can choose, by a title for each group.

    ingredients: those of the project. versions: ingredient → its newest, the last one first.
    """
    known = among(draft, ingredients)
    groups = {
        "Built by this run": [f"{name}@run" for name in built_before(draft, part_id)],
        "Latest release": [f"{name}@latest" for name in known],
        "Recent versions": [f"{name}@{v}" for name in known for v in versions.get(name, ())],
    }
    valid = {title: list(_fitting(references)) for title, references in groups.items()}
    return {title: references for title, references in valid.items() if references}


def among(draft: Draft, ingredients: Sequence[str]) -> list[str]:
    """Return the ingredients to offer: those that the draft builds, then others."""
    built = [name for name in _built(draft["stages"]) if name in ingredients]
    return list(dict.fromkeys([*built, *ingredients]))[:MAX_INGREDIENTS]


def pick(draft: Draft, part_id: str, reference: str) -> tuple[Draft, str]:
    """Toggle a release among those of a step, like the edits of `domain.editor.operations`.

    Raises NoSuchPartError; ValueError for an invalid release, or a step that takes none.
    """
    if not list(_fitting([reference])):
        raise ValueError(reference)
    step = operations.part_of(draft, part_id)
    if step.get("type") == "Test":
        chosen = list(step["configuration"].get("releaseIds") or ())
        left = [line for line in chosen if line != reference]
        members: Part = {"releaseIds": left if reference in chosen else [*chosen, reference]}
    elif step.get("type") == "Deploy":
        path = _path(step)
        members = {"artifactPath": path if reference in picked(step) else f"{reference}:{path}"}
    else:
        raise ValueError(step.get("type"))
    return operations.fill_in(draft, part_id, {"configuration": members})


def picked(step: Part) -> list[str]:
    """Return the references of the releases that a Test or Deploy step names."""
    configuration = step.get("configuration", {})
    if step.get("type") == "Test":
        return list(configuration.get("releaseIds") or ())
    found = artifact_path(str(configuration.get("artifactPath") or ""))
    return [f"{found.ingredient}@{found.version}"] if found and found.ingredient else []


def _path(step: Part) -> str:
    """Return the artifact's path without the release; `*` if there is none."""
    typed = str(step["configuration"].get("artifactPath") or "")
    found = artifact_path(typed)
    return found.path if found else typed.rpartition(":")[2] or "*"


def _built(stages: Iterable[Part]) -> list[str]:
    steps = [step for stage in stages for step in stage["steps"] if step.get("type") == "Build"]
    names = (str(step["configuration"].get("ingredientId") or "") for step in steps)
    return [name for name in dict.fromkeys(names) if name]


def _fitting(references: Iterable[str]) -> Iterator[str]:
    """Yield the valid references: a version may contain characters that a reference must not."""
    for text in references:
        found = release_reference(text)
        if found and found.ingredient:
            yield text


def newest_versions(ingredients: Sequence[str]) -> dict[str, list[str]]:
    """Return ingredient → its last versions, the newest first."""
    found: dict[str, list[str]] = {}
    rows = (
        Release.select(Release.ingredient, Release.version)
        .where(Release.ingredient.in_(list(ingredients)))
        .order_by(Release.id.desc())
        .limit(SEEN)
    )
    for ingredient, version in rows.tuples():
        if len(found.setdefault(ingredient, [])) < MAX_VERSIONS:
            found[ingredient].append(version)
    return found


def package_paths(ingredients: Sequence[str]) -> list[str]:
    """Return the packages of each ingredient's newest release, for the path of an artifact."""
    of_them = Release.ingredient.in_(list(ingredients))
    newest = Release.select(fn.MAX(Release.id)).where(of_them).group_by(Release.ingredient)
    rows = Package.select(Package.path).distinct().where(Package.release.in_(newest))
    return [path for (path,) in rows.order_by(Package.path).limit(MAX_PACKAGES).tuples()]

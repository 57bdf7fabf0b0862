"""Which releases a step of a draft may take, to choose from; and what choosing one does.

A Test step tests any number of them; a Deploy step takes its artifact from one, which stands
before its path: `larder@run:dist/*.whl`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.definitions.references import artifact_path, release_reference
from domain.editor import operations
from domain.editor.operations import Draft, Part
from domain.models import Ingredient, Release
from domain.releases.ingredients import latest_releases, packages_of

MAX_INGREDIENTS = 20
"""Of which releases are offered; those that the draft builds come first."""
MAX_VERSIONS = 3
"""Of each ingredient."""
MAX_PACKAGES = 50
SEEN = 200
"""Releases among which the newest versions are looked for."""


@dataclass(frozen=True)
class Offer:
    """Releases of one kind, by their references."""

    title: str
    references: Sequence[str]


# ---- pure ------------------------------------------------------------------------------------


def built_before(draft: Draft, part_id: str) -> list[str]:
    """The ingredients of which a run has made releases when it comes to the step.

    The steps of one stage run at once: none can count on what another builds.
    """
    number = operations.path_of(draft, part_id)[1]
    return _built(draft["stages"][: int(number)])


def offers(
    draft: Draft, part_id: str, ingredients: Sequence[str], versions: Mapping[str, Sequence[str]]
) -> list[Offer]:
    """ingredients: those of the project. versions: ingredient → its newest, the last one first."""
    built = built_before(draft, part_id)
    known = among(draft, ingredients)
    numbered = [f"{name}@{version}" for name in known for version in versions.get(name, ())]
    found = (
        Offer("Built by this run", [f"{name}@run" for name in built]),
        Offer("The newest there is", [f"{name}@latest" for name in known]),
        Offer("Recent versions", numbered),
    )
    taken = [Offer(offer.title, list(_fitting(offer.references))) for offer in found]
    return [offer for offer in taken if offer.references]


def among(draft: Draft, ingredients: Sequence[str]) -> list[str]:
    """Those that the draft builds, then others, as many as are offered."""
    built = [name for name in _built(draft["stages"]) if name in ingredients]
    return list(dict.fromkeys([*built, *ingredients]))[:MAX_INGREDIENTS]


def pick(draft: Draft, part_id: str, reference: str) -> tuple[Draft, str]:
    """Toggle a release among those of a step; an edit as in `domain.editor.operations`.

    Raises NoSuchPartError; ValueError for what is no release, or no step that takes one.
    """
    if not list(_fitting([reference])):
        raise ValueError(reference)
    step = operations.find(draft, part_id)[2]
    if step.get("type") == "Test":
        chosen = list(step["configuration"].get("releaseIds") or ())
        left = [line for line in chosen if line != reference]
        members: Part = {"releaseIds": left if reference in chosen else [*chosen, reference]}
    elif step.get("type") == "Deploy":
        path = _path(step)
        members = {"artifactPath": path if is_picked(step, reference) else f"{reference}:{path}"}
    else:
        raise ValueError(step.get("type"))
    return operations.fill_in(draft, part_id, {"configuration": members})


def is_picked(step: Part, reference: str) -> bool:
    return reference in picked(step)


def picked(step: Part) -> list[str]:
    """The references of the releases that a Test or Deploy step names."""
    configuration = step.get("configuration", {})
    if step.get("type") == "Test":
        return list(configuration.get("releaseIds") or ())
    found = artifact_path(str(configuration.get("artifactPath") or ""))
    return [f"{found.ingredient}@{found.version}"] if found and found.ingredient else []


def _path(step: Part) -> str:
    """Of the artifact, without the release before it; everything, where none is typed."""
    typed = str(step["configuration"].get("artifactPath") or "")
    found = artifact_path(typed)
    return found.path if found else typed.rpartition(":")[2] or "*"


def _built(stages: Iterable[Part]) -> list[str]:
    steps = [step for stage in stages for step in stage["steps"] if step.get("type") == "Build"]
    names = (str(step["configuration"].get("ingredientId") or "") for step in steps)
    return [name for name in dict.fromkeys(names) if name]


def _fitting(references: Iterable[str]) -> Iterator[str]:
    """Those that can be said: a version may hold what a reference may not."""
    for text in references:
        found = release_reference(text)
        if found and found.ingredient:
            yield text


# ---- what there is ---------------------------------------------------------------------------


def newest_versions(ingredients: Sequence[str]) -> dict[str, list[str]]:
    """Ingredient → its last versions, the newest first."""
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
    """What the newest release of each holds, for the path of an artifact."""
    rows = Ingredient.select().where(Ingredient.id.in_(list(ingredients)))
    packages = packages_of(list(latest_releases(list(rows)).values()))
    paths = sorted({package.path for held in packages.values() for package in held})
    return paths[:MAX_PACKAGES]

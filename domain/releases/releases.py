"""Releases: what a reference means, and how a new one is recorded."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.definitions.references import release_reference
from domain.errors import StepFailed
from domain.models import Ingredient, Package, Release, Run, StepRun, given
from domain.models.statements import Statement
from domain.releases.artifacts import Artifact

_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~!-]{0,199}")
_RESERVED = ("latest", "run")
_NUMBER = r"[1-9][0-9]{0,8}"
"""A version as the numbering makes them; more digits no ingredient will ever need."""
_ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class NewPackage:
    """A stored file that is to be part of a release; `size` is in bytes."""

    path: str
    size: int
    sha256: str


_BUILT = Statement(
    lambda: (
        StepRun.select(StepRun.release_id, Run.project_id)
        .join(Run)
        .where((StepRun.run == given("run_id")) & StepRun.release_id.is_null(False))
    )
)


def releases_of_run(run_id: str, project_id: str | None = None) -> list[Release]:
    """What the steps of a run have built so far, oldest first.

    Asked by way of the steps: a release that was made elsewhere and given to a step counts too, but
    none of another project, for what a step has built is not signed.
    project_id: as a worker knows it from the signed plan; None for what the run's row says.
    """
    built = _BUILT.rows(run_id=run_id)
    if not built:
        return []
    of_project = Ingredient.project == (project_id or built[0][1])
    mine = of_project & Release.id.in_([release_id for release_id, _ in built])
    return list(Release.select().join(Ingredient).where(mine).order_by(Release.id))


def resolve_references(references: Sequence[str], run_id: str, project_id: str) -> list[Release]:
    """The releases that references mean, each once, in the order given.

    references: in the forms of `domain.definitions.references`; none mean every release of the
    run. Only releases of the project's own ingredients are found.
    Raises StepFailed, naming the reference.
    """
    if not references:
        return releases_of_run(run_id, project_id)
    found = [r for text in references for r in _resolve(text, run_id, project_id)]
    return list({release.id: release for release in found}.values())


def artifacts_of(releases: Sequence[Release]) -> list[Artifact]:
    """All packages of releases, in order."""
    if not releases:
        return []
    by_id = {release.id: release for release in releases}
    packages = Package.select().where(Package.release.in_(list(by_id)))
    return [
        Artifact(
            package.release_id,
            by_id[package.release_id].ingredient_id,
            by_id[package.release_id].version,
            package.path,
            package.size,
            package.sha256,
        )
        for package in packages.order_by(Package.release, Package.path)
    ]


def check_version(text: str) -> str:
    """The version, if it may name a release, a folder and a part of a URL. Raises StepFailed."""
    if not _VERSION.fullmatch(text):
        raise StepFailed(
            f"{text[:200]!r} cannot be a version: it takes 1 to 200 letters, digits and . _ + ~ ! -"
            " and begins with a letter, a digit or _."
        )
    if text in _RESERVED:
        raise StepFailed(f"{text!r} cannot be a version: references use that word.")
    return text


def record_release(
    *,
    ingredient_id: str,
    version: str | None,
    packages: Iterable[NewPackage],
    run_id: str,
    step_run_id: str,
    created_by: str,
) -> str:
    """Add a release inside the caller's transaction; its id.

    version: None for the next free whole number. Raises StepFailed when the ingredient already has
    the version, or is gone.
    """
    number = _lock(ingredient_id)
    if version is None:
        version = _next_free_number(ingredient_id, number)
    elif _has(ingredient_id, version):
        raise StepFailed(
            f"{ingredient_id} already has a release {version}, and releases never change."
        )
    release = Release.create(
        ingredient=ingredient_id,
        version=version,
        run_id=run_id,
        step_run_id=step_run_id,
        created_by=created_by,
    )
    rows = [
        {"release": release.id, "path": p.path, "size": p.size, "sha256": p.sha256}
        for p in packages
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        Package.insert_many(rows[start : start + _ROWS_AT_ONCE]).execute()
    return str(release.id)


def _resolve(text: str, run_id: str, project_id: str) -> list[Release]:
    reference = release_reference(text)
    if reference is None:
        raise StepFailed(f"{text!r} is not a release reference.")
    in_project = Release.select().join(Ingredient).where(Ingredient.project == project_id)
    if reference.id is not None:
        found = list(in_project.where(Release.id == reference.id))
    elif reference.version == "run":
        built = releases_of_run(run_id, project_id)
        found = [r for r in built if r.ingredient_id == reference.ingredient]
    else:
        of_ingredient = in_project.where(Release.ingredient == reference.ingredient)
        if reference.version == "latest":
            found = list(of_ingredient.order_by(Release.id.desc()).limit(1))
        else:
            found = list(of_ingredient.where(Release.version == reference.version))
    if not found:
        where = "This run has built" if reference.version == "run" else "This project has"
        raise StepFailed(f"{where} no release {text}.")
    return found


def _lock(ingredient_id: str) -> int:
    """Hold the ingredient's row until the transaction ends; its `next_number`.

    On PostgreSQL two steps which release the same ingredient would else pick the same version.
    """
    rows = list(
        Ingredient.update(next_number=Ingredient.next_number)
        .where(Ingredient.id == ingredient_id)
        .returning(Ingredient.next_number)
        .execute()
    )
    if not rows:
        raise StepFailed(f"There is no ingredient {ingredient_id} any more.")
    return int(rows[0].next_number)


def _next_free_number(ingredient_id: str, number: int) -> str:
    """The first free number from `number` on; the one after it is where the next search begins."""
    while _has(ingredient_id, str(number)):
        number += 1
    Ingredient.update(next_number=number + 1).where(Ingredient.id == ingredient_id).execute()
    return str(number)


def never_number_again(ingredient_id: str, version: str) -> None:
    """Inside the caller's transaction, which deletes the version: numbering goes on after it.

    A number that was given is below `next_number` anyway; this is for one that a script has chosen.
    """
    if re.fullmatch(_NUMBER, version):
        Ingredient.update(next_number=int(version) + 1).where(
            (Ingredient.id == ingredient_id) & (Ingredient.next_number <= int(version))
        ).execute()


def _has(ingredient_id: str, version: str) -> bool:
    mine = (Release.ingredient == ingredient_id) & (Release.version == version)
    return bool(Release.select(Release.id).where(mine).exists())

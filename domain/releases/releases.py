"""Releases: resolve references and record new ones."""

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
"""A version made by the numbering, with as many digits as an ingredient will ever need."""
_ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class NewPackage:
    """A stored file that will be part of a release; `size` is in bytes."""

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
    """Return the releases that a run's steps have built so far, the oldest first.

    This includes releases that other runs built and a step reports as its own, but none of other
    projects, because the release ids of steps are not signed.
    project_id: the project in the signed plan; None for that of the run's row.
    """
    built = _BUILT.rows(run_id=run_id)
    if not built:
        return []
    in_project = Ingredient.project == (project_id or built[0][1])
    of_run = in_project & Release.id.in_([release_id for release_id, _ in built])
    return list(Release.select().join(Ingredient).where(of_run).order_by(Release.id))


def resolve_references(references: Sequence[str], run_id: str, project_id: str) -> list[Release]:
    """Return the releases that references mean, each once, in the given order.

    references: in the forms of `domain.definitions.references`; an empty list means every release
    of the run. Only the project's own ingredients count.
    Raises StepFailed, which names the reference.
    """
    if not references:
        return releases_of_run(run_id, project_id)
    found = [r for text in references for r in _resolve(text, run_id, project_id)]
    return list({release.id: release for release in found}.values())


def artifacts_of(releases: Sequence[Release]) -> list[Artifact]:
    """Return all packages of releases, sorted by release and path."""
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
    """Return the version if it can name a release, a folder and a part of a URL, or StepFailed."""
    if not _VERSION.fullmatch(text):
        raise StepFailed(
            f"{text[:200]!r} is not a valid version. Use 1 to 200 letters, digits and . _ + ~ ! -,"
            " starting with a letter, a digit or _."
        )
    if text in _RESERVED:
        raise StepFailed(f"{text!r} is not a valid version: references use that word.")
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
    """Create a release inside the caller's transaction. Returns its id.

    version: None for the next free whole number. Raises StepFailed if the ingredient already has
    the version, or was deleted.
    """
    number = _lock(ingredient_id)
    if version is None:
        version = _next_free_number(ingredient_id, number)
    elif _has(ingredient_id, version):
        raise StepFailed(
            f"{ingredient_id} already has a release {version}. Choose another version."
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
    """Lock the ingredient's row until the transaction ends. Returns its `next_number`.

    On PostgreSQL two steps that release the same ingredient could otherwise pick the same version.
    """
    rows = list(
        Ingredient.update(next_number=Ingredient.next_number)
        .where(Ingredient.id == ingredient_id)
        .returning(Ingredient.next_number)
        .execute()
    )
    if not rows:
        raise StepFailed(f"The ingredient {ingredient_id} was deleted. Create it to release to it.")
    return int(rows[0].next_number)


def _next_free_number(ingredient_id: str, number: int) -> str:
    """Return the first free number from `number` on, and let the next search start after it."""
    while _has(ingredient_id, str(number)):
        number += 1
    Ingredient.update(next_number=number + 1).where(Ingredient.id == ingredient_id).execute()
    return str(number)


def never_number_again(ingredient_id: str, version: str) -> None:
    """Continue numbering after a version that the caller's transaction deletes.

    Only numbers that a script chose need this: automatic ones are below `next_number` already.
    """
    if re.fullmatch(_NUMBER, version):
        Ingredient.update(next_number=int(version) + 1).where(
            (Ingredient.id == ingredient_id) & (Ingredient.next_number <= int(version))
        ).execute()


def _has(ingredient_id: str, version: str) -> bool:
    mine = (Release.ingredient == ingredient_id) & (Release.version == version)
    return bool(Release.select(Release.id).where(mine).exists())

"""Ingredients, and queries of their releases and packages."""

from peewee import IntegrityError, fn

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.accounts.audit import change_row
from domain.errors import taken
from domain.models import Ingredient, Package, Project, Release, write
from domain.pagination import Page, fetch, fetch_after


def create_ingredient(
    actor: Actor, project: Project, ingredient_id: str, name: str, description: str = ""
) -> Ingredient:
    """Create an ingredient. Raises Conflict if the id is taken in any project."""
    try:
        with write():
            ingredient = Ingredient.create(
                id=ingredient_id,
                project=project.id,
                name=name,
                description=description,
                created_by=actor.username,
            )
            audit.record(actor, "create", "ingredient", ingredient_id, project_id=project.id)
            return ingredient
    except IntegrityError:
        raise taken("ingredient", ingredient_id) from None


def change_ingredient(
    actor: Actor, ingredient: Ingredient, name: str, description: str
) -> Ingredient:
    values = {"name": name, "description": description}
    with write():
        audit.record(
            actor,
            "change",
            "ingredient",
            ingredient.id,
            project_id=ingredient.project_id,
            detail=change_row(ingredient, values),
        )
    return Ingredient.get_by_id(ingredient.id)


def list_ingredients(
    actor: Actor, page: Page, project_id: str | None = None, search: str = ""
) -> tuple[list[Ingredient], int]:
    """Return the ingredients that the actor may read, of one project if given.

    search: part of the id or the name, regardless of case.
    """
    query = Ingredient.select().order_by(Ingredient.id)
    if search:
        query = query.where(Ingredient.id.contains(search) | Ingredient.name.contains(search))
    if project_id is not None:
        query = query.where(Ingredient.project == project_id)
    if not actor.is_system_admin:
        query = query.where(Ingredient.project.in_(list(actor.roles)))
    return fetch(query, page)


def latest_releases(ingredients: list[Ingredient]) -> dict[str, Release]:
    """Return ingredient id → newest release."""
    newest = (
        Release.select(fn.MAX(Release.id))
        .where(Release.ingredient.in_([i.id for i in ingredients]))
        .group_by(Release.ingredient)
    )
    rows = Release.select().where(Release.id.in_(newest))
    return {row.ingredient_id: row for row in rows}


def list_releases(
    ingredient: Ingredient, page: Page, cursor: str | None
) -> tuple[list[Release], int, str | None]:
    """Return an ingredient's releases, newest first; see `fetch_after`."""
    query = Release.select().where(Release.ingredient == ingredient.id)
    return fetch_after(query, Release.id, page, cursor)


def packages_of(releases: list[Release]) -> dict[str, list[Package]]:
    """Return release id → packages, sorted by path."""
    found: dict[str, list[Package]] = {release.id: [] for release in releases}
    rows = Package.select().where(Package.release.in_(list(found))).order_by(Package.path)
    for row in rows:
        found[row.release_id].append(row)
    return found


def package_counts(releases: list[Release]) -> dict[str, int]:
    """Return release id → number of packages, without releases that have none."""
    rows = (
        Package.select(Package.release, fn.COUNT(Package.id))
        .where(Package.release.in_([release.id for release in releases]))
        .group_by(Package.release)
    )
    return dict(rows.tuples())


def list_packages(release: Release, page: Page) -> tuple[list[Package], int]:
    """Return a release's packages, sorted by path."""
    query = Package.select().where(Package.release == release.id).order_by(Package.path)
    return fetch(query, page)


def get_package(release: Release, path: str) -> Package:
    package = Package.get_or_none(Package.release == release.id, Package.path == path)
    if package is None:
        raise missing("package", path)
    return package

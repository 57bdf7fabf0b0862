"""Authentication and authorization: load a row and check access in one call.

Every route requires a user unless its view is `@public`. A row of a project that the user may not
read gives the same 404 as a row that does not exist.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, g, request
from flask_login import current_user

from blueprints.shared import throttling
from blueprints.shared.context import is_api
from domain.accounts import access, tokens
from domain.accounts.access import USER, Actor
from domain.errors import NotSignedIn
from domain.models import Base, Ingredient, Project, Release, Run, User, Workflow, by_id, is_id
from domain.pagination import Page
from domain.projects import projects

PROJECTS_SHOWN = 20

View = TypeVar("View", bound=Callable[..., Any])
Row = TypeVar("Row", bound=Base)


def public(view: View) -> View:
    """Mark a view that requires no authentication."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def by_address(view: View) -> View:
    """Mark a view whose secret address is sufficient; it ignores any session."""
    view.is_by_address = True  # type: ignore[attr-defined]
    return public(view)


def is_by_address() -> bool:
    """Return whether the view ignores sessions, so that none can be misused."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "is_by_address", False)


def demand_identity() -> None:
    """Require authentication before every request, unless the view is public."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method == "OPTIONS":
        return  # says which methods there are, as 405 does
    if view is None or request.endpoint == "static" or getattr(view, "is_public", False):
        return
    current_actor()


def current_actor() -> Actor:
    """Return the authenticated actor. Raises NotSignedIn."""
    if "actor" not in g:
        g.actor = _by_token() if has_bearer() else _by_session()
    return g.actor


def forget_actor() -> None:
    """Authenticate again: after a long request, a role or a token may be gone."""
    g.pop("actor", None)
    g.pop("_login_user", None)  # where Flask-Login keeps the person of a session


def has_bearer() -> bool:
    """Return whether the request carries a token; browsers never add one automatically."""
    return is_api() and "Authorization" in request.headers


def signed_in_user() -> User:
    """Return the row of the authenticated user."""
    return User.get_by_id(current_actor().user_id)


def address() -> str:
    """Return the client address, as the audit log stores it."""
    return (request.remote_addr or "")[:60]


def _by_token() -> Actor:
    scheme, _, token = request.headers["Authorization"].partition(" ")
    if scheme.lower() != "bearer":
        raise NotSignedIn("Send 'Authorization: Bearer' with a Galley token.", code="invalid_token")
    try:
        found = tokens.use_token(token.strip())
    except NotSignedIn:
        throttling.token_was_bad()
        raise
    return access.actor_of(found.user, scope=found.scope, address=address())


def _by_session() -> Actor:
    if not current_user.is_authenticated:
        way = "Send 'Authorization: Bearer <token>'." if is_api() else "Sign in first."
        raise NotSignedIn(way)
    return access.actor_of(current_user.row, address=address())


def own_projects() -> list[tuple[str, str]]:
    """Return id and name of the first projects that the user may read, for a menu."""
    rows, _ = projects.list_projects(current_actor(), Page(1, PROJECTS_SHOWN))
    return [(row.id, row.name) for row in rows]


def load_project(project_id: str, role: str = USER, *, changes: bool = True) -> Project:
    """Load a project and check the role.

    changes: False for a read that requires a role above User.
    """
    access.require(current_actor(), role, project_id, changes=changes)
    return _found(Project.get_or_none(Project.id == project_id), "project", project_id)


def load_workflow(workflow_id: str, role: str = USER, *, is_deleted: bool = False) -> Workflow:
    """Load a workflow and check the role; is_deleted allows a deleted one."""
    workflow = _by_id(Workflow, "workflow", workflow_id)
    if workflow.deleted_at is not None and not is_deleted:
        raise access.missing("workflow", workflow_id)
    access.require(current_actor(), role, workflow.project_id, kind="workflow", name=workflow_id)
    return workflow


def load_run(run_id: str, role: str = USER) -> Run:
    run = _by_id(Run, "run", run_id)
    access.require(current_actor(), role, run.project_id, kind="run", name=run_id)
    return run


def load_ingredient(ingredient_id: str, role: str = USER) -> Ingredient:
    row = Ingredient.get_or_none(Ingredient.id == ingredient_id)
    ingredient = _found(row, "ingredient", ingredient_id)
    access.require(
        current_actor(), role, ingredient.project_id, kind="ingredient", name=ingredient_id
    )
    return ingredient


def load_release(release_id: str, role: str = USER) -> Release:
    release = _by_id(Release, "release", release_id)
    access.require(
        current_actor(), role, release.ingredient.project_id, kind="release", name=release_id
    )
    return release


def _by_id(model: type[Row], kind: str, row_id: str) -> Row:
    row = by_id(model, row_id) if is_id(row_id) else None
    return _found(row, kind, row_id)


def _found(row: Row | None, kind: str, name: str) -> Row:
    if row is None:
        raise access.missing(kind, name)
    return row

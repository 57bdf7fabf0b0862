"""Projects and what belongs to them: members, test suites, environments."""

from collections.abc import Mapping
from typing import Any

from peewee import IntegrityError, fn

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.accounts.users import get_user
from domain.clock import now
from domain.engine.deployments import UNKNOWN
from domain.errors import Conflict, state, taken
from domain.models import (
    Deployment,
    Environment,
    Member,
    Project,
    Run,
    StepRun,
    TestSuite,
    User,
    locked,
    write,
)
from domain.pagination import Page, fetch, fetch_after
from domain.statuses import FAILED, LIVE, SUCCEEDED
from domain.workflows.references import environment_lock

MAX_NAMED = 10
"""Runs that are named where they are in the way."""

# ---- projects --------------------------------------------------------------------------------


def create_project(actor: Actor, project_id: str, name: str, description: str = "") -> Project:
    """Raises Conflict if the id is taken."""
    try:
        with write():
            project = Project.create(
                id=project_id, name=name, description=description, created_by=actor.username
            )
            audit.record(actor, "create", "project", project_id, project_id=project_id)
            return project
    except IntegrityError:
        raise taken("project", project_id) from None


def change_project(actor: Actor, project: Project, name: str, description: str) -> Project:
    values = {"name": name, "description": description}
    with write():
        detail = change_row(project, values)
        audit.record(actor, "change", "project", project.id, project_id=project.id, detail=detail)
    return Project.get_by_id(project.id)


def list_projects(actor: Actor, page: Page) -> tuple[list[Project], int]:
    """The projects that the actor may read."""
    query = Project.select().order_by(Project.id)
    if not actor.is_system_admin:
        query = query.where(Project.id.in_(list(actor.roles)))
    return fetch(query, page)


# ---- members ---------------------------------------------------------------------------------


def put_member(actor: Actor, project: Project, username: str, role: str) -> tuple[Member, bool]:
    """Give a user a role in the project; True if they had none before. Raises NotFound."""
    user = get_user(username)
    with write():
        key, values = {"project": project.id, "user": user.id}, {"role": role}
        member, before = put_row(Member, key, values)
        detail = audit.put(before, values)
        audit.record(actor, "put", "member", username, project_id=project.id, detail=detail)
    return member, before is None


def remove_member(actor: Actor, project: Project, username: str) -> None:
    member = get_member(project, username)
    with write():
        Member.delete().where(Member.id == member.id).execute()
        audit.record(actor, "delete", "member", username, project_id=project.id)


def get_member(project: Project, username: str) -> Member:
    found = list(_members(project).where(User.username == username))
    if not found:
        raise missing("member", username)
    return found[0]


def list_members(project: Project, page: Page) -> tuple[list[Member], int]:
    return fetch(_members(project).order_by(User.username), page)


def list_memberships(user_id: str, page: Page) -> tuple[list[Member], int]:
    """Where a user has a role, each with its project."""
    query = Member.select(Member, Project).join(Project).where(Member.user == user_id)
    return fetch(query.order_by(Member.project), page)


def _members(project: Project) -> Any:
    return Member.select(Member, User).join(User).where(Member.project == project.id)


# ---- test suites -----------------------------------------------------------------------------


def put_test_suite(
    actor: Actor, project: Project, name: str, values: Mapping[str, Any]
) -> tuple[TestSuite, bool]:
    """Make or replace a suite; True if it is new. `values` are columns of TestSuite."""
    return _put(actor, TestSuite, "test_suite", project, name, values)


def get_test_suite(project: Project, name: str) -> TestSuite:
    return _get(TestSuite, "test suite", project, name)


def list_test_suites(project: Project, page: Page) -> tuple[list[TestSuite], int]:
    return _list(TestSuite, project, page)


def delete_test_suite(actor: Actor, project: Project, name: str) -> None:
    suite = get_test_suite(project, name)
    with write():
        TestSuite.delete().where(TestSuite.id == suite.id).execute()
        audit.record(actor, "delete", "test_suite", name, project_id=project.id)


# ---- environments ----------------------------------------------------------------------------


def put_environment(
    actor: Actor, project: Project, name: str, values: Mapping[str, Any]
) -> tuple[Environment, bool]:
    """Make or replace an environment; True if it is new. `values` are columns of Environment."""
    return _put(actor, Environment, "environment", project, name, values)


def get_environment(project: Project, name: str) -> Environment:
    return _get(Environment, "environment", project, name)


def list_environments(project: Project, page: Page) -> tuple[list[Environment], int]:
    return _list(Environment, project, page)


def delete_environment(actor: Actor, project: Project, name: str) -> None:
    """Forget an environment and its deployments.

    Raises Conflict while a run that is in progress deploys to it, or is about to.
    """
    environment = get_environment(project, name)
    with write():
        _refuse_while_deployed_to(environment)
        Environment.delete().where(Environment.id == environment.id).execute()
        audit.record(actor, "delete", "environment", name, project_id=project.id)


def _refuse_while_deployed_to(environment: Environment) -> None:
    """By the locks of the steps, which are theirs from the start of the run on."""
    of_it = StepRun.lock_key == environment_lock(environment.id)
    runs = (
        Run.select(Run.id, Run.number)
        .join(StepRun)
        .where(of_it & StepRun.status.in_(LIVE) & Run.completed_at.is_null())
    )
    found = {run.id: run.number for run in runs.limit(MAX_NAMED)}
    if found:
        raise Conflict(
            f"Runs that are in progress deploy into {environment.name!r}; wait for them or abort "
            "them first.",
            code="environment_busy",
            details=[
                state("run_in_progress", f"Run {number} deploys here.", runId=run_id)
                for run_id, number in found.items()
            ],
        )


def list_deployments(
    environment: Environment, page: Page, cursor: str | None
) -> tuple[list[Deployment], int, str | None]:
    """Newest first; see `fetch_after`."""
    query = Deployment.select().where(Deployment.environment == environment.id)
    return fetch_after(query, Deployment.id, page, cursor)


def deployed_now(environments: list[Environment]) -> dict[str, Deployment]:
    """Environment id → the deployment that is in it: the newest that succeeded."""
    newest = (
        Deployment.select(fn.MAX(Deployment.id))
        .where(
            Deployment.environment.in_([e.id for e in environments]),
            Deployment.status == SUCCEEDED,
        )
        .group_by(Deployment.environment)
    )
    rows = Deployment.select().where(Deployment.id.in_(newest))
    return {row.environment_id: row for row in rows}


def lost_in(environments: list[Environment]) -> dict[str, Deployment]:
    """Environment id → the newest deployment after `deployed_now` whose outcome nobody knows."""
    later = Deployment.alias()
    replaced = later.select(later.id).where(
        (later.environment == Deployment.environment)
        & (later.status == SUCCEEDED)
        & (later.id > Deployment.id)
    )
    lost = (
        Deployment.select()
        .join(StepRun, on=(StepRun.id == Deployment.step_run_id))
        .where(
            Deployment.environment.in_([e.id for e in environments]),
            Deployment.status == FAILED,
            StepRun.outside_effect == UNKNOWN,
            ~fn.EXISTS(replaced),
        )
        .order_by(Deployment.id)
    )
    return {row.environment_id: row for row in lost}


# ---- what suites and environments share ------------------------------------------------------


def put_row(model: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Insert or update the row that `key` names, inside a transaction: the row, and as it was.

    Not an upsert, which would not tell; instead the loser of a race between two inserts updates.
    """
    condition = [getattr(model, name) == value for name, value in key.items()]
    before = None
    while not model.insert(**key, **values).on_conflict_ignore().execute():
        before = locked(model.select().where(*condition)).first()
        if before is not None:  # else it was deleted at this very moment
            model.update(**values).where(*condition).execute()
            break
    return model.get(*condition), before


def change_row(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Update a row by its id, inside a transaction. Returns what changed, for the audit."""
    of_it = type(row).id == row.id
    before = locked(type(row).select().where(of_it)).get()
    type(row).update(**values).where(of_it).execute()
    return audit.changed(before, values)


def _put(
    actor: Actor,
    model: Any,
    kind: str,
    project: Project,
    name: str,
    values: Mapping[str, Any],
) -> tuple[Any, bool]:
    stamped = {**values, "updated_at": now(), "updated_by": actor.username}
    with write():
        row, before = put_row(model, {"project": project.id, "name": name}, stamped)
        detail = audit.put(before, values)
        audit.record(actor, "put", kind, name, project_id=project.id, detail=detail)
    return row, before is None


def _get(model: Any, kind: str, project: Project, name: str) -> Any:
    row = model.get_or_none(model.project == project.id, model.name == name)
    if row is None:
        raise missing(kind, name)
    return row


def _list(model: Any, project: Project, page: Page) -> tuple[list[Any], int]:
    return fetch(model.select().where(model.project == project.id).order_by(model.name), page)

"""Projects and their members."""

from typing import Any

from peewee import IntegrityError

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.accounts.audit import change_row, put_row
from domain.accounts.users import get_user
from domain.errors import taken
from domain.models import Member, Project, User, write
from domain.pagination import Page, fetch


def create_project(actor: Actor, project_id: str, name: str, description: str = "") -> Project:
    """Create a project. Raises Conflict if the id is taken."""
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
    """Return the projects that the actor may read."""
    query = Project.select().order_by(Project.id)
    if not actor.is_system_admin:
        query = query.where(Project.id.in_(list(actor.roles)))
    return fetch(query, page)


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
    """Return a user's roles, each with its project."""
    query = Member.select(Member, Project).join(Project).where(Member.user == user_id)
    return fetch(query.order_by(Member.project), page)


def _members(project: Project) -> Any:
    return Member.select(Member, User).join(User).where(Member.project == project.id)

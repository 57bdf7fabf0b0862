"""Pages that list projects, and that change the name and members of one."""

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from blueprints.projects.settings import settings_page
from blueprints.requests.base import PageQuery
from blueprints.requests.projects import MemberPut, NewProject, ProjectChange
from blueprints.responses import projects as answers
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import ADMIN, PROJECT_ROLES, require_system_admin
from domain.errors import FieldError, Invalid, NotFound
from domain.models import Project
from domain.projects import projects
from domain.validation.fields import Slug

bp = Blueprint("projects", __name__, url_prefix="/projects")


@bp.get("")
def list_page() -> ResponseReturnValue:
    return _list(Form())


@bp.post("")
def create() -> ResponseReturnValue:
    actor = current_actor()
    require_system_admin(actor)

    def save() -> ResponseReturnValue:
        body = read_form(NewProject)
        row = projects.create_project(actor, body.id, body.name, body.description)
        flash(f"Project {row.name} created. Now add its members.", "good")
        return redirect(f"/projects/{row.id}/settings/members", 303)

    return saved(save, _list)


def _list(form: Form) -> str:
    query, actor = pages.read_query(PageQuery), current_actor()
    rows, total = projects.list_projects(actor, query.as_page())
    items = [answers.project(row, actor).model_dump() for row in rows]
    return render_template(
        "projects/list.html",
        projects=pages.listing(items, total, query),
        form=form,
    )


@bp.get("/<project_id>/settings")
def general(project_id: str) -> ResponseReturnValue:
    return _general(load_project(project_id), Form())


@bp.post("/<project_id>/settings")
def change(project_id: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)

    def save() -> ResponseReturnValue:
        body = read_form(ProjectChange)
        projects.change_project(current_actor(), project, body.name, body.description)
        flash("Saved.", "good")
        return redirect(f"/projects/{project.id}/settings", 303)

    return saved(save, lambda form: _general(project, form))


def _general(project: Project, form: Form) -> str:
    return settings_page("general", project, "", form=form)


class NewMember(MemberPut):
    username: Slug


@bp.get("/<project_id>/settings/members")
def members(project_id: str) -> ResponseReturnValue:
    return _members(load_project(project_id), Form())


@bp.post("/<project_id>/settings/members")
def put_member(project_id: str) -> ResponseReturnValue:
    """Add a member, or change the role of one."""
    project = load_project(project_id, ADMIN)

    def save() -> ResponseReturnValue:
        body = read_form(NewMember)
        try:
            projects.put_member(current_actor(), project, body.username, body.role)
        except NotFound:
            message = f"There is no user {body.username!r}."
            raise Invalid([FieldError("/username", "unknown_value", message)]) from None
        flash(f"{body.username} is now {body.role} of {project.name}.", "good")
        return redirect(f"/projects/{project.id}/settings/members", 303)

    return saved(save, lambda form: _members(project, form))


@bp.post("/<project_id>/settings/members/<username>/remove")
def remove_member(project_id: str, username: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    projects.remove_member(current_actor(), project, username)
    flash(f"{username} removed from {project.name}.", "good")
    return redirect(f"/projects/{project.id}/settings/members", 303)


def _members(project: Project, form: Form) -> str:
    query = pages.read_query(PageQuery)
    rows, total = projects.list_members(project, query.as_page())
    items = [answers.member(row).model_dump() for row in rows]
    return settings_page(
        "members",
        project,
        "members",
        members=pages.listing(items, total, query),
        roles=PROJECT_ROLES,
        form=form,
    )

"""The pages of a project's secrets: stored and replaced, never shown."""

from typing import Any

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from blueprints.present import projects as present
from blueprints.projects.settings import PREFIX, refuse_taken, settings_page
from blueprints.requests.base import PageQuery
from blueprints.requests.secrets import SecretName, SecretPut
from blueprints.shared import pages
from blueprints.shared.context import keys
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import ADMIN
from domain.models import Project
from domain.projects import secrets as project_secrets

bp = Blueprint("project_secrets", __name__, url_prefix=PREFIX)


class NamedSecret(SecretPut):
    """A secret with the name that the API has in the address."""

    name: SecretName


@bp.get("/secrets")
def list_page(project_id: str) -> ResponseReturnValue:
    return _list(load_project(project_id), Form())


@bp.post("/secrets")
def store(project_id: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)

    def save() -> ResponseReturnValue:
        body = read_form(NamedSecret)
        refuse_taken("secret", body.name, project_secrets.get_secret, project)
        return _put(project, body.name, body.value)

    return saved(save, lambda form: _list(project, form))


@bp.get("/secrets/<name>")
def show(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id)
    return _one(project, present.secret(project_secrets.get_secret(project, name)), Form())


@bp.post("/secrets/<name>")
def replace(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    secret = present.secret(project_secrets.get_secret(project, name))

    def save() -> ResponseReturnValue:
        return _put(project, name, read_form(SecretPut).value)

    return saved(save, lambda form: _one(project, secret, form))


@bp.post("/secrets/<name>/delete")
def delete(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    project_secrets.delete_secret(current_actor(), project, name)
    flash(f"The secret {name} is gone.", "good")
    return redirect(f"/projects/{project.id}/settings/secrets", 303)


def _put(project: Project, name: str, value: str) -> ResponseReturnValue:
    project_secrets.put_secret(current_actor(), project, name, value, keys())
    flash(f"The secret {name} is stored. Steps that start from now on get it.", "good")
    for warning in project_secrets.warnings(value):
        flash(warning.message, "warn")
    return redirect(f"/projects/{project.id}/settings/secrets", 303)


def _list(project: Project, form: Form) -> str:
    query = pages.read_query(PageQuery)
    rows, total = project_secrets.list_secrets(project, query.as_page())
    listed = pages.listing([present.secret(row) for row in rows], total, query)
    return settings_page("secrets", project, "secrets", secrets=listed, form=form)


def _one(project: Project, secret: dict[str, Any], form: Form) -> str:
    return settings_page("secret", project, "secrets", secret=secret, form=form)

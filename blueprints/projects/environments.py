"""The pages of a project's environments, the places that Deploy steps deploy to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from blueprints.present.projects import with_deployments
from blueprints.projects.settings import PREFIX, refuse_taken, settings_page
from blueprints.requests.base import PageQuery
from blueprints.requests.projects import DRIVERS, EnvironmentPut
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved, typed
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import SUPER_USER
from domain.errors import Conflict, FieldError, Invalid
from domain.models import Project
from domain.projects import environments as rules
from domain.validation.fields import Slug

bp = Blueprint("project_environments", __name__, url_prefix=PREFIX)

E = TypeVar("E", bound=EnvironmentPut)


class NamedEnvironment(EnvironmentPut):
    """An environment with the name that the API has in the address."""

    name: Slug


@bp.get("/environments")
def environments(project_id: str) -> ResponseReturnValue:
    project, query = load_project(project_id), pages.read_query(PageQuery)
    rows, total = rules.list_environments(project, query.as_page())
    listed = pages.listing(with_deployments(rows), total, query)
    return settings_page("environments", project, "environments", environments=listed)


@bp.get("/new-environment")
def new_environment(project_id: str) -> ResponseReturnValue:
    return _environment(load_project(project_id, SUPER_USER), None, Form())


@bp.post("/environments")
def create_environment(project_id: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)

    def save() -> ResponseReturnValue:
        body = _read(NamedEnvironment)
        refuse_taken("environment", body.name, rules.get_environment, project)
        return _put(project, body.name, body)

    return saved(save, lambda form: _environment(project, None, form))


@bp.get("/environments/<name>")
def environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id)
    return _environment(project, _known(project, name), Form())


@bp.post("/environments/<name>")
def change_environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    known = _known(project, name)

    def save() -> ResponseReturnValue:
        return _put(project, name, _read(EnvironmentPut))

    return saved(save, lambda form: _environment(project, known, form))


@bp.post("/environments/<name>/delete")
def delete_environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    known = _known(project, name)
    try:
        rules.delete_environment(current_actor(), project, name)
    except Conflict as error:  # its details say which run; its message, what that does
        busy = [replace(run, message=error.message) for run in error.errors]
        return _environment(project, known, Form(errors=busy)), error.status
    flash(f"The environment {name} is gone. What was deployed there stays where it is.", "good")
    return redirect(f"/projects/{project.id}/settings/environments", 303)


def _known(project: Project, name: str) -> dict[str, Any]:
    return with_deployments([rules.get_environment(project, name)])[0]


def _put(project: Project, name: str, body: EnvironmentPut) -> ResponseReturnValue:
    values = body.model_dump(exclude={"name"})
    rules.put_environment(current_actor(), project, name, values)
    flash(f"The environment {name} is saved. Runs that start from now on use it.", "good")
    return redirect(f"/projects/{project.id}/settings/environments", 303)


def _environment(project: Project, known: Mapping[str, Any] | None, form: Form) -> str:
    """known: the environment as the API tells it; None for a new one."""
    return settings_page(
        "environment",
        project,
        "environments",
        environment=known,
        drivers=tuple(DRIVERS),
        form=form,
    )


# ---- the settings of one driver among those of all -------------------------------------------


def _read(schema: type[E]) -> E:
    """The form as `schema`. Raises Invalid with every fault.

    Without a script the form shows the fields of every driver, so those of the others are left
    out where nobody filled them in, and refused where somebody did: nothing is lost unseen.
    """
    settings, strays = _settings()
    try:
        body = read_form(schema, settings=settings)
    except Invalid as error:
        raise Invalid([*error.errors, *strays]) from None
    if strays:
        raise Invalid(strays)
    return body


def _settings() -> tuple[dict[str, str], list[FieldError]]:
    """What was typed for the chosen driver, and the faults of what was typed for others."""
    form, prefix = typed(), "settings."
    chosen = form.get("driver", "")
    settings = {
        name.removeprefix(prefix): text
        for name, text in form.items()
        if name.startswith(prefix) and text
    }
    strays = []
    for driver, schema in DRIVERS.items():
        if driver == chosen or chosen not in DRIVERS:
            continue
        for name, member in schema.model_fields.items():
            text = settings.pop(name, "")
            if text and (member.is_required() or text != str(member.default)):
                message = (
                    f"This belongs to the driver {driver}, but {chosen} is chosen: empty it, or "
                    "choose the other driver."
                )
                strays.append(FieldError(f"/settings/{name}", "not_allowed", message))
    return settings, strays

"""The pages of a project's environments."""

from dataclasses import replace
from typing import TypeVar

from blueprints.projects.settings import NamedPages, refuse_taken
from blueprints.requests.projects import DRIVERS, EnvironmentPut
from blueprints.responses import projects as answers
from blueprints.shared.forms import read_form, typed
from blueprints.shared.guards import current_actor
from domain.accounts.access import SUPER_USER
from domain.errors import Conflict, FieldError, Invalid
from domain.models import Project
from domain.projects import environments as rules
from domain.validation.fields import Slug

E = TypeVar("E", bound=EnvironmentPut)


class NamedEnvironment(EnvironmentPut):
    """An environment with the name that the API has in the address."""

    name: Slug


def _add(project: Project) -> str:
    body = _read(NamedEnvironment)
    refuse_taken("environment", body.name, rules.get_environment, project)
    return _store(project, body.name, body)


def _store(project: Project, name: str, body: EnvironmentPut) -> str:
    rules.put_environment(current_actor(), project, name, body.model_dump(exclude={"name"}))
    return f"Environment {name} saved. Runs that start from now on use it."


def _remove(project: Project, name: str) -> str:
    try:
        rules.delete_environment(current_actor(), project, name)
    except Conflict as error:  # each error names a run, the message says what the run does
        error.errors = [replace(run, message=error.message) for run in error.errors]
        raise
    return f"Environment {name} deleted. Deployed files stay where they are."


bp = NamedPages(
    part="environments",
    noun="environment",
    role=SUPER_USER,
    rows=rules.list_environments,
    get=rules.get_environment,
    answers=answers.environments,
    add=_add,
    put=lambda project, name: _store(project, name, _read(EnvironmentPut)),
    remove=_remove,
    context={"drivers": tuple(DRIVERS)},
).blueprint("project_environments")


def _read(schema: type[E]) -> E:
    """Read the form. Raises Invalid with every error.

    Without JavaScript the form shows the fields of all drivers. Those of the other drivers are
    ignored if they are unchanged, and refused otherwise, so that no input gets lost.
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
    """Return the settings of the chosen driver, and errors for input of other drivers."""
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
                    f"This field belongs to the driver {driver}, but {chosen} is chosen: clear it, "
                    "or choose the other driver."
                )
                strays.append(FieldError(f"/settings/{name}", "not_allowed", message))
    return settings, strays

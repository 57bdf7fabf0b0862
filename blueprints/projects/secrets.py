"""The pages of a project's secrets, whose values are stored and replaced, but never shown."""

from flask import flash

from blueprints.projects.settings import NamedPages, refuse_taken
from blueprints.requests.projects import SecretName, SecretPut
from blueprints.responses.projects import Secret
from blueprints.shared.context import keys
from blueprints.shared.forms import read_form
from blueprints.shared.guards import current_actor
from domain.accounts.access import ADMIN
from domain.models import Project
from domain.projects import secrets as rules


class NamedSecret(SecretPut):
    """A secret with the name that the API has in the address."""

    name: SecretName


def _add(project: Project) -> str:
    body = read_form(NamedSecret)
    refuse_taken("secret", body.name, rules.get_secret, project)
    return _store(project, body.name, body.value)


def _store(project: Project, name: str, value: str) -> str:
    rules.put_secret(current_actor(), project, name, value, keys())
    for warning in rules.warnings(value):
        flash(warning.message, "warn")
    return f"Secret {name} stored. Steps that start from now on get it."


def _remove(project: Project, name: str) -> str:
    rules.delete_secret(current_actor(), project, name)
    return f"Secret {name} deleted."


bp = NamedPages(
    part="secrets",
    noun="secret",
    role=ADMIN,
    rows=rules.list_secrets,
    get=rules.get_secret,
    answers=lambda rows: [Secret.of(row) for row in rows],
    add=_add,
    put=lambda project, name: _store(project, name, read_form(SecretPut).value),
    remove=_remove,
    adds_in_list=True,
).blueprint("project_secrets")

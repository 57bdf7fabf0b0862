"""Setting and deleting the secrets of a project. Nobody gets a value back, only workers do."""

from typing import Any

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.accounts.audit import put_row
from domain.clock import now
from domain.errors import FieldError, Invalid
from domain.models import Project, Secret, write
from domain.pagination import Page, fetch
from domain.projects.secret_values import encrypted, is_everyday
from domain.secret_key import Keys

MAX_SECRETS = 100
"""In a project; each of them is looked for in all that its steps print."""


def put_secret(
    actor: Actor, project: Project, name: str, value: str, keys: Keys
) -> tuple[Secret, bool]:
    """Set a secret; True if it is new. Raises Invalid if the project has too many."""
    values = {
        "value": encrypted(keys, project.id, name, value),
        "updated_at": now(),
        "updated_by": actor.username,
    }
    with write():
        row, before = put_row(Secret, {"project": project.id, "name": name}, values)
        is_new = before is None
        if is_new and _all(project).count() > MAX_SECRETS:
            fault = FieldError("", "too_many", f"A project takes at most {MAX_SECRETS} secrets.")
            raise Invalid([fault], fault.message)
        detail = {"isNew": is_new}  # nothing about the value, not even whether it is another
        audit.record(actor, "put", "secret", name, project_id=project.id, detail=detail)
    return row, is_new


def warnings(value: str) -> list[FieldError]:
    """What to tell who set the value: it is kept and masked all the same."""
    if not is_everyday(value):
        return []
    text = (
        "The value is short or looks like a word or a number: logs show *** wherever it stands by "
        "chance, and a release whose version or file names hold it is refused."
    )
    return [FieldError("/value", "easily_guessed", text)]


def get_secret(project: Project, name: str) -> Secret:
    """All about it but its value. Raises NotFound."""
    row = _all(project).where(Secret.name == name).first()
    if row is None:
        raise missing("secret", name)
    return row


def list_secrets(project: Project, page: Page) -> tuple[list[Secret], int]:
    return fetch(_all(project).order_by(Secret.name), page)


def delete_secret(actor: Actor, project: Project, name: str) -> None:
    secret = get_secret(project, name)
    with write():
        Secret.delete().where(Secret.id == secret.id).execute()
        audit.record(actor, "delete", "secret", name, project_id=project.id)


def _all(project: Project) -> Any:
    """Without their values, which no page and no answer needs."""
    facts = (Secret.id, Secret.project, Secret.name, Secret.updated_at, Secret.updated_by)
    return Secret.select(*facts).where(Secret.project == project.id)

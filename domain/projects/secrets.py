"""The secrets of a project. Values are write-only; only workers read them."""

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
"""Per project; everything its steps print is searched for each of them."""


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
            error = FieldError("", "too_many", f"A project takes at most {MAX_SECRETS} secrets.")
            raise Invalid([error], error.message)
        detail = {"isNew": is_new}  # nothing about the value, not even whether it changed
        audit.record(actor, "put", "secret", name, project_id=project.id, detail=detail)
    return row, is_new


def warnings(value: str) -> list[FieldError]:
    """Return warnings about a value, which is stored and masked regardless."""
    if not is_everyday(value):
        return []
    text = (
        "The value is short or looks like a word or a number. Logs show *** wherever it occurs by "
        "chance, and releases with it in their version or file names are refused."
    )
    return [FieldError("/value", "easily_guessed", text)]


def get_secret(project: Project, name: str) -> Secret:
    """Return a secret without its value. Raises NotFound."""
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
    columns = (Secret.id, Secret.project, Secret.name, Secret.updated_at, Secret.updated_by)
    return Secret.select(*columns).where(Secret.project == project.id)

"""Events of the audit log."""

from typing import Annotated, Any

from pydantic import Field

from blueprints.responses.base import Answer, EmptyAsNull, Id, Slug, Time


class AuditEvent(Answer):
    """One action of one user on one object."""

    id: Id
    at: Time
    actor: Annotated[str | None, EmptyAsNull] = Field(
        description="A username; null for a sign-in that failed."
    )
    action: str = Field(examples=["create", "delete", "start", "sign_in_failed"])
    object_kind: str = Field(examples=["workflow", "run", "user"])
    object_id: str = Field(description="An id, or a name where the object has no id.")
    project_id: Slug | None = Field(description="The object's project; null if it has none.")
    detail: dict[str, Any] = Field(
        description="Further facts. `changed` names the fields that a change touched: `from` and "
        "`to` are present for short, plain values, never for scripts or secrets.",
        examples=[{"changed": {"name": {"from": "Pond", "to": "Lake"}, "script": {}}}],
    )
    address: str = Field(description="The client's address; `console` for the command line.")

"""What was done."""

from typing import Any

from pydantic import Field

from blueprints.responses.base import Answer, Id, Slug, Time


class AuditEvent(Answer):
    """Somebody did something to something."""

    id: Id
    at: Time
    actor: str | None = Field(description="A username; null when nobody got in.")
    action: str = Field(examples=["create", "delete", "start", "sign_in_failed"])
    object_kind: str = Field(examples=["workflow", "run", "user"])
    object_id: str = Field(description="An id, or the name of what has none.")
    project_id: Slug | None = Field(description="Of the object; null if it is of none.")
    detail: dict[str, Any] = Field(
        description="More about it. `changed` names the fields that a change touched: `from` and "
        "`to` are there for short, plain values, never for scripts or secrets.",
        examples=[{"changed": {"name": {"from": "Pond", "to": "Lake"}, "script": {}}}],
    )
    address: str = Field(description="From which address; `console` for the command line.")

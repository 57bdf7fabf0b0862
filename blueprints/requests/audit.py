"""Searches of the audit log."""

from pydantic import Field

from blueprints.requests.base import CursorQuery, Moment
from domain.validation.fields import Line


class AuditQuery(CursorQuery):
    project_id: Line | None = Field(None, description="Only of this project.")
    actor: Line | None = Field(None, description="Only by this user.")
    action: Line | None = Field(None, description="Only this action, such as `delete`.")
    kind: Line | None = Field(None, description="Only objects with this objectKind.")
    object_id: Line | None = Field(None, description="Only the object with this objectId.")
    since: Moment = Field(None, description="Not before this time, which has a zone.")
    until: Moment = Field(None, description="Before this time, which has a zone.")

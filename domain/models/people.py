"""Users, tokens, projects, members, and the audit log."""

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, JSONField, TextField

from domain.clock import now
from domain.models.base import Base, Id, Moment


class User(Base):
    id = Id()
    username = CharField(max_length=100, unique=True)
    display_name = CharField(max_length=200, default="")
    email = CharField(max_length=320, default="")
    password_hash = CharField(max_length=255, null=True)
    is_system_admin = BooleanField(default=False)
    session_number = IntegerField(default=1)
    """Rises when the password changes: sessions signed with an older number end."""
    created_at = Moment(default=now)


class Token(Base):
    """A bearer token, of which only the SHA-256 is stored."""

    id = Id()
    user = ForeignKeyField(User, on_delete="CASCADE", backref="tokens")
    name = CharField(max_length=200)
    hash = CharField(max_length=64, unique=True)
    scope = CharField(max_length=5)
    created_at = Moment(default=now)
    expires_at = Moment(null=True)
    last_used_at = Moment(null=True)


class Project(Base):
    id = CharField(max_length=100, primary_key=True)
    name = CharField(max_length=200)
    description = TextField(default="")
    created_at = Moment(default=now)
    created_by = CharField(max_length=100)


class Member(Base):
    id = Id()
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="members")
    user = ForeignKeyField(User, on_delete="CASCADE", backref="memberships")
    role = CharField(max_length=9)

    class Meta:
        indexes = ((("project", "user"), True),)


class AuditEvent(Base):
    """A change by a person. Never changed, and never deleted with its object."""

    id = Id()
    at = Moment(default=now)
    actor = CharField(max_length=100)
    action = CharField(max_length=60)
    project_id = CharField(max_length=100, null=True)
    object_kind = CharField(max_length=30)
    object_id = CharField(max_length=250)
    detail = JSONField(default=dict)
    address = CharField(max_length=60, default="")

    class Meta:
        indexes = (
            (("object_id", "id"), False),
            (("actor", "id"), False),
            (("action", "id"), False),
            (("project_id", "id"), False),
            (("object_kind", "id"), False),
        )


class IdempotencyKey(Base):
    """The first response to a POST, kept for 24 hours, stored in the same transaction."""

    id = Id()
    user = ForeignKeyField(User, on_delete="CASCADE")
    key = CharField(max_length=255)
    target = CharField(max_length=255)
    body_hash = CharField(max_length=64)
    status = IntegerField()
    answer = JSONField()
    headers = JSONField(default=dict)
    created_at = Moment(default=now, index=True)

    class Meta:
        indexes = ((("user", "key", "target"), True),)

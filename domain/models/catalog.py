"""Ingredients, releases, test suites, environments and secrets of projects."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from domain.clock import now
from domain.models.base import Base, Id, Moment
from domain.models.people import Project


class Ingredient(Base):
    id = CharField(max_length=100, primary_key=True)
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="ingredients")
    name = CharField(max_length=200)
    description = TextField(default="")
    next_number = IntegerField(default=1)
    """Start of the search for the next free whole-number version."""
    created_at = Moment(default=now)
    created_by = CharField(max_length=100)


class Release(Base):
    """An immutable release. It outlives its run and step, to which it has no foreign keys."""

    id = Id()
    ingredient = ForeignKeyField(Ingredient, on_delete="CASCADE", backref="releases")
    version = CharField(max_length=200)
    created_at = Moment(default=now)
    created_by = CharField(max_length=100)
    run_id = CharField(max_length=24, null=True, index=True)
    step_run_id = CharField(max_length=24, null=True)

    class Meta:
        indexes = ((("ingredient", "version"), True),)


class Package(Base):
    """One file of a release, whose bytes are in the storage under their SHA-256."""

    id = Id()
    release = ForeignKeyField(Release, on_delete="CASCADE", backref="packages")
    path = CharField(max_length=1000)
    size = BigIntegerField()
    sha256 = CharField(max_length=64, index=True)

    class Meta:
        indexes = ((("release", "path"), True),)


class DiscardedFile(Base):
    """A stored file of a release that was deleted; see domain/releases/garbage_collection.py."""

    sha256 = CharField(max_length=64, primary_key=True)
    aside_since = Moment(null=True)
    """When it was set aside in the storage; null until then."""


class TestSuite(Base):
    __test__ = False  # a table, not a test class

    id = Id()
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="test_suites")
    name = CharField(max_length=100)
    script = TextField()
    timeout_seconds = IntegerField(null=True)
    description = TextField(default="")
    updated_at = Moment(default=now)
    updated_by = CharField(max_length=100)

    class Meta:
        indexes = ((("project", "name"), True),)


class Environment(Base):
    id = Id()
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="environments")
    name = CharField(max_length=100)
    driver = CharField(max_length=20)
    settings = JSONField(default=dict)
    requires_approval = BooleanField(default=False)
    description = TextField(default="")
    updated_at = Moment(default=now)
    updated_by = CharField(max_length=100)

    class Meta:
        indexes = ((("project", "name"), True),)


class Deployment(Base):
    """One attempt to deploy an artifact. The newest Succeeded one is an environment's current."""

    id = Id()
    environment = ForeignKeyField(Environment, on_delete="CASCADE", backref="deployments")
    status = CharField(max_length=9)
    release = ForeignKeyField(Release, on_delete="SET NULL", null=True)
    artifact = CharField(max_length=1000, default="")
    sha256 = CharField(max_length=64, default="")
    run_id = CharField(max_length=24, index=True)
    step_run_id = CharField(max_length=24)
    attempt = IntegerField()
    started_at = Moment(default=now)
    completed_at = Moment(null=True)
    deployed_by = CharField(max_length=100)
    message = TextField(default="")

    class Meta:
        indexes = ((("environment", "id"), False),)


class Secret(Base):
    """An encrypted value for the scripts of a project; the API never returns it."""

    id = Id()
    project = ForeignKeyField(Project, on_delete="CASCADE", backref="secrets")
    name = CharField(max_length=100)
    value = BlobField()
    updated_at = Moment(default=now)
    updated_by = CharField(max_length=100)

    class Meta:
        indexes = ((("project", "name"), True),)

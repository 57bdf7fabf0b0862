"""Drafts of workflows, and comments of revisions."""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, JSONField, Model


def up(migrator, db):
    class Parent(Model):
        id = CharField(primary_key=True, max_length=24)

    class User(Parent):
        class Meta:
            database = db
            table_name = "user"

    class Project(Model):
        id = CharField(primary_key=True, max_length=100)

        class Meta:
            database = db
            table_name = "project"

    class Workflow(Parent):
        class Meta:
            database = db
            table_name = "workflow"

    class Draft(Model):
        id = CharField(primary_key=True, max_length=24)
        user = ForeignKeyField(User, on_delete="CASCADE")
        project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
        workflow = ForeignKeyField(Workflow, null=True, on_delete="CASCADE", index=False)
        base_revision = IntegerField(null=True)
        position = IntegerField(default=0)
        changed_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "draft"
            indexes = ((("user", "workflow"), True),)

    class DraftState(Model):
        id = CharField(primary_key=True, max_length=24)
        draft = ForeignKeyField(Draft, on_delete="CASCADE", index=False)
        number = IntegerField()
        definition = JSONField()
        said = CharField(max_length=300)
        topic = CharField(max_length=100, default="")

        class Meta:
            database = db
            table_name = "draft_state"
            indexes = ((("draft", "number"), True),)

    db.create_tables([Draft, DraftState])
    comment = CharField(max_length=1000, default="")
    migrator.migrate(migrator.add_column("workflow_revision", "comment", comment))

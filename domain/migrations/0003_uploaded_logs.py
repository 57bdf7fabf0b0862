"""Log files that people and scripts upload to a run."""

from peewee import BigIntegerField, CharField, ForeignKeyField, Model


def up(migrator, db):
    class Run(Model):
        id = CharField(primary_key=True, max_length=24)

        class Meta:
            database = db
            table_name = "run"

    class UploadedLog(Model):
        id = CharField(primary_key=True, max_length=24)
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        name = CharField(max_length=200)
        size = BigIntegerField()
        sha256 = CharField(max_length=64)
        uploaded_at = BigIntegerField()
        uploaded_by = CharField(max_length=100)

        class Meta:
            database = db
            table_name = "uploaded_log"
            indexes = ((("run", "name"), True),)

    db.create_tables([UploadedLog])

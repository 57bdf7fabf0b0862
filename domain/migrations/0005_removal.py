"""Deletion of runs and releases, with indexes to find other uses of their parts."""

from peewee import BigIntegerField, CharField, Model


def up(migrator, db):
    class DiscardedFile(Model):
        sha256 = CharField(primary_key=True, max_length=64)
        aside_since = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "discarded_file"

    db.create_tables([DiscardedFile])
    migrator.migrate(migrator.add_index("package", ("sha256",)))
    db.execute_sql("CREATE INDEX steprun_kept ON step_run (kept_from) WHERE kept_from IS NOT NULL")

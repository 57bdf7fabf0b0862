"""Signed step specs, reruns, unknown outcomes, workers without disk space, visible reconcilers."""

from peewee import BigIntegerField, BooleanField, CharField, IntegerField, Model


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("run", "rerun_of", CharField(max_length=24, null=True)),
        migrator.add_column("step_run", "outside_effect", CharField(max_length=13, null=True)),
        migrator.add_column("step_run", "kept_from", CharField(max_length=24, null=True)),
        migrator.add_column("step_spec", "signature", CharField(max_length=64, default="")),
        migrator.add_column("worker", "has_room", BooleanField(default=True)),
    )

    class ReconcilerInfo(Model):
        name = CharField(primary_key=True, max_length=100)
        host = CharField()
        pid = IntegerField()
        pid_started = BigIntegerField()
        started_at = BigIntegerField()
        seen_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "reconciler"

    db.create_tables([ReconcilerInfo])

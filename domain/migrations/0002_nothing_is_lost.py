"""Signed snapshots, reruns, lost deployments that a person decides about, workers short of room."""

from peewee import BooleanField, CharField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("run", "rerun_of", CharField(max_length=24, null=True)),
        migrator.add_column("step_run", "outside_effect", CharField(max_length=13, null=True)),
        migrator.add_column("step_run", "kept_from", CharField(max_length=24, null=True)),
        migrator.add_column("step_spec", "signature", CharField(max_length=64, default="")),
        migrator.add_column("worker", "has_room", BooleanField(default=True)),
    )

"""Indexes for lists of runs."""

INDEXES = (("workflow_id", "id"), ("project_id", "status", "id"), ("status", "id"))


def up(migrator, db):
    for columns in INDEXES:
        migrator.migrate(migrator.add_index("run", columns))

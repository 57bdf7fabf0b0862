"""A list of runs is found by an index, also among a million."""

INDEXES = (("workflow_id", "id"), ("project_id", "status", "id"), ("status", "id"))


def up(migrator, db):
    for columns in INDEXES:
        migrator.migrate(migrator.add_index("run", columns))

"""Indexes for the filters of the audit log."""

FILTERS = ("object_id", "actor", "action", "project_id", "object_kind")


def up(migrator, db):
    migrator.migrate(
        migrator.drop_index("audit_event", "auditevent_project_id"),
        *(migrator.add_index("audit_event", (name, "id")) for name in FILTERS),
    )

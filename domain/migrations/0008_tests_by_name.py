"""An index for the history of a test."""


def up(migrator, db):
    db.execute_sql(
        "CREATE INDEX test_result_step_name ON test_result (step_id, substr(name, 1, 100))"
    )
    migrator.migrate(migrator.drop_index("test_result", "testresult_step_id"))

from playhouse.schema_diff import diff_models

from domain import models
from domain.migrations import migrate


def test_the_migrations_make_exactly_the_tables_of_the_models(database):
    assert not diff_models(database, models.ALL)


def test_a_migrated_database_needs_nothing_more(database, settings):
    assert migrate(settings) == []

"""The test suites of a project."""

from collections.abc import Mapping
from typing import Any

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.models import Project, TestSuite, write
from domain.pagination import Page
from domain.projects.named_rows import get_named, list_named, put_named


def put_test_suite(
    actor: Actor, project: Project, name: str, values: Mapping[str, Any]
) -> tuple[TestSuite, bool]:
    """Create or replace a suite; True if it is new. `values` are columns of TestSuite."""
    return put_named(actor, TestSuite, "test_suite", project, name, values)


def get_test_suite(project: Project, name: str) -> TestSuite:
    return get_named(TestSuite, "test suite", project, name)


def list_test_suites(project: Project, page: Page) -> tuple[list[TestSuite], int]:
    return list_named(TestSuite, project, page)


def delete_test_suite(actor: Actor, project: Project, name: str) -> None:
    suite = get_test_suite(project, name)
    with write():
        TestSuite.delete().where(TestSuite.id == suite.id).execute()
        audit.record(actor, "delete", "test_suite", name, project_id=project.id)

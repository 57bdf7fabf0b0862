"""The pages of a project's test suites."""

from blueprints.projects.settings import NamedPages, refuse_taken
from blueprints.requests.projects import TestSuitePut
from blueprints.responses.projects import TestSuite
from blueprints.shared.forms import read_form
from blueprints.shared.guards import current_actor
from domain.accounts.access import SUPER_USER
from domain.models import Project
from domain.projects import test_suites as rules
from domain.validation.fields import Slug


class NamedTestSuite(TestSuitePut):
    """A suite with the name that the API has in the address."""

    name: Slug


def _add(project: Project) -> str:
    body = read_form(NamedTestSuite)
    refuse_taken("test suite", body.name, rules.get_test_suite, project)
    return _store(project, body.name, body)


def _store(project: Project, name: str, body: TestSuitePut) -> str:
    rules.put_test_suite(current_actor(), project, name, body.model_dump(exclude={"name"}))
    return f"Test suite {name} saved. Runs that start from now on use it."


def _remove(project: Project, name: str) -> str:
    rules.delete_test_suite(current_actor(), project, name)
    return f"Test suite {name} deleted."


bp = NamedPages(
    part="testsuites",
    noun="test suite",
    role=SUPER_USER,
    rows=rules.list_test_suites,
    get=rules.get_test_suite,
    answers=lambda rows: [TestSuite.of(row) for row in rows],
    add=_add,
    put=lambda project, name: _store(project, name, read_form(TestSuitePut)),
    remove=_remove,
).blueprint("project_suites")

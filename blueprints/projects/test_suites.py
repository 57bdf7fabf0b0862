"""The pages of a project's test suites."""

from typing import Any

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from blueprints.present import projects as present
from blueprints.projects.settings import PREFIX, refuse_taken, settings_page
from blueprints.requests.base import PageQuery
from blueprints.requests.projects import TestSuitePut
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import SUPER_USER
from domain.models import Project
from domain.projects import test_suites as rules
from domain.validation.fields import Slug

bp = Blueprint("project_suites", __name__, url_prefix=PREFIX)


class NamedTestSuite(TestSuitePut):
    """A suite with the name that the API has in the address."""

    name: Slug


@bp.get("/testsuites")
def test_suites(project_id: str) -> ResponseReturnValue:
    project, query = load_project(project_id), pages.read_query(PageQuery)
    rows, total = rules.list_test_suites(project, query.as_page())
    suites = pages.listing([present.test_suite(row) for row in rows], total, query)
    return settings_page("test_suites", project, "testsuites", suites=suites)


@bp.get("/new-testsuite")
def new_test_suite(project_id: str) -> ResponseReturnValue:
    return _test_suite(load_project(project_id, SUPER_USER), None, Form())


@bp.post("/testsuites")
def create_test_suite(project_id: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)

    def save() -> ResponseReturnValue:
        body = read_form(NamedTestSuite)
        refuse_taken("test suite", body.name, rules.get_test_suite, project)
        return _put(project, body.name, body)

    return saved(save, lambda form: _test_suite(project, None, form))


@bp.get("/testsuites/<name>")
def test_suite(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id)
    return _test_suite(project, present.test_suite(rules.get_test_suite(project, name)), Form())


@bp.post("/testsuites/<name>")
def change_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    suite = present.test_suite(rules.get_test_suite(project, name))

    def save() -> ResponseReturnValue:
        return _put(project, name, read_form(TestSuitePut))

    return saved(save, lambda form: _test_suite(project, suite, form))


@bp.post("/testsuites/<name>/delete")
def delete_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    rules.delete_test_suite(current_actor(), project, name)
    flash(f"The test suite {name} is gone.", "good")
    return redirect(f"/projects/{project.id}/settings/testsuites", 303)


def _put(project: Project, name: str, body: TestSuitePut) -> ResponseReturnValue:
    values = body.model_dump(exclude={"name"})
    rules.put_test_suite(current_actor(), project, name, values)
    flash(f"The test suite {name} is saved. Runs that start from now on use it.", "good")
    return redirect(f"/projects/{project.id}/settings/testsuites", 303)


def _test_suite(project: Project, suite: dict[str, Any] | None, form: Form) -> str:
    """suite: None for a new one."""
    return settings_page("test_suite", project, "testsuites", suite=suite, form=form)

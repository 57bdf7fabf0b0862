"""/api/projects: projects, their members, test suites, environments and secrets."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.api.operations import SIGNED_IN, operation
from blueprints.api.replies import created, listing, read_json
from blueprints.requests.base import CursorQuery, PageQuery, check_name
from blueprints.requests.projects import (
    SECRET_ADDRESS,
    EnvironmentPut,
    MemberPut,
    NewProject,
    ProjectChange,
    SecretAddress,
    SecretPut,
    TestSuitePut,
)
from blueprints.responses import projects as answers
from blueprints.responses.base import Answer, Listed, Unbounded
from blueprints.shared.context import keys
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import ADMIN, SUPER_USER, SYSTEM_ADMIN, require_system_admin
from domain.projects import environments, projects, test_suites
from domain.projects import secrets as project_secrets
from domain.releases import deployments

bp = Blueprint("api_projects", __name__, url_prefix="/api/projects")


def _put_answer(body: Answer, is_new: bool) -> ResponseReturnValue:
    return jsonify(body), 201 if is_new else 200


@bp.get("")
@operation(
    "List the projects that you are a member of",
    needs=SIGNED_IN,
    answers={200: Listed[answers.Project]},
    query=PageQuery,
)
def list_projects(query: PageQuery) -> ResponseReturnValue:
    actor = current_actor()
    rows, total = projects.list_projects(actor, query.as_page())
    return listing([answers.project(row, actor) for row in rows], total, query)


@bp.post("")
@operation(
    "Create a project",
    needs=SYSTEM_ADMIN,
    body=NewProject,
    answers={201: answers.Project},
    errors=(409,),
)
def create_project() -> ResponseReturnValue:
    actor = current_actor()
    require_system_admin(actor)
    body = read_json(NewProject)
    row = projects.create_project(actor, body.id, body.name, body.description)
    return created(answers.project(row, actor), f"/api/projects/{row.id}")


@bp.get("/<project_id>")
@operation("Read a project", answers={200: answers.Project})
def get_project(project_id: str) -> ResponseReturnValue:
    return jsonify(answers.project(load_project(project_id), current_actor()))


@bp.put("/<project_id>")
@operation("Change a project", needs=ADMIN, body=ProjectChange, answers={200: answers.Project})
def change_project(project_id: str) -> ResponseReturnValue:
    project, actor = load_project(project_id, ADMIN), current_actor()
    body = read_json(ProjectChange)
    row = projects.change_project(actor, project, body.name, body.description)
    return jsonify(answers.project(row, actor))


# ---- members ---------------------------------------------------------------------------------


@bp.get("/<project_id>/members")
@operation("List the members of a project", answers={200: Listed[answers.Member]}, query=PageQuery)
def list_members(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = projects.list_members(load_project(project_id), query.as_page())
    return listing([answers.member(row) for row in rows], total, query)


@bp.get("/<project_id>/members/<username>")
@operation("Read a member", answers={200: answers.Member})
def get_member(project_id: str, username: str) -> ResponseReturnValue:
    return jsonify(answers.member(projects.get_member(load_project(project_id), username)))


@bp.put("/<project_id>/members/<username>")
@operation(
    "Add or change a member",
    needs=ADMIN,
    body=MemberPut,
    answers={200: answers.Member, 201: answers.Member},
    errors=(409,),
)
def put_member(project_id: str, username: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    role = read_json(MemberPut).role
    row, is_new = projects.put_member(current_actor(), project, username, role)
    return _put_answer(answers.member(row), is_new)


@bp.delete("/<project_id>/members/<username>")
@operation("Remove a member", needs=ADMIN, errors=(409,))
def remove_member(project_id: str, username: str) -> ResponseReturnValue:
    projects.remove_member(current_actor(), load_project(project_id, ADMIN), username)
    return "", 204


# ---- test suites -----------------------------------------------------------------------------


@bp.get("/<project_id>/testsuites")
@operation(
    "List the test suites of a project", answers={200: Listed[answers.TestSuite]}, query=PageQuery
)
def list_test_suites(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = test_suites.list_test_suites(load_project(project_id), query.as_page())
    return listing([answers.TestSuite.of(row) for row in rows], total, query)


@bp.get("/<project_id>/testsuites/<name>")
@operation("Read a test suite", answers={200: answers.TestSuite})
def get_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    return jsonify(answers.TestSuite.of(test_suites.get_test_suite(load_project(project_id), name)))


@bp.put("/<project_id>/testsuites/<name>")
@operation(
    "Create or change a test suite",
    needs=SUPER_USER,
    body=TestSuitePut,
    answers={200: answers.TestSuite, 201: answers.TestSuite},
)
def put_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    check_name(name)
    values = read_json(TestSuitePut).model_dump()
    row, is_new = test_suites.put_test_suite(current_actor(), project, name, values)
    return _put_answer(answers.TestSuite.of(row), is_new)


@bp.delete("/<project_id>/testsuites/<name>")
@operation("Delete a test suite", needs=SUPER_USER)
def delete_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    test_suites.delete_test_suite(current_actor(), load_project(project_id, SUPER_USER), name)
    return "", 204


# ---- environments ----------------------------------------------------------------------------


@bp.get("/<project_id>/environments")
@operation(
    "List the environments of a project",
    answers={200: Listed[answers.Environment]},
    query=PageQuery,
)
def list_environments(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = environments.list_environments(load_project(project_id), query.as_page())
    return listing(answers.environments(rows), total, query)


@bp.get("/<project_id>/environments/<name>")
@operation("Read an environment and its current deployment", answers={200: answers.Environment})
def get_environment(project_id: str, name: str) -> ResponseReturnValue:
    row = environments.get_environment(load_project(project_id), name)
    return jsonify(answers.environments([row])[0])


@bp.put("/<project_id>/environments/<name>")
@operation(
    "Create or change an environment",
    needs=SUPER_USER,
    body=EnvironmentPut,
    answers={200: answers.Environment, 201: answers.Environment},
    errors=(409,),
)
def put_environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    check_name(name)
    values = read_json(EnvironmentPut).model_dump()
    row, is_new = environments.put_environment(current_actor(), project, name, values)
    return _put_answer(answers.environments([row])[0], is_new)


@bp.delete("/<project_id>/environments/<name>")
@operation("Delete an environment", needs=SUPER_USER, errors=(409,))
def delete_environment(project_id: str, name: str) -> ResponseReturnValue:
    environments.delete_environment(current_actor(), load_project(project_id, SUPER_USER), name)
    return "", 204


@bp.get("/<project_id>/environments/<name>/deployments")
@operation(
    "List the deployments of an environment, newest first",
    answers={200: Unbounded[answers.Deployment]},
    query=CursorQuery,
)
def list_deployments(project_id: str, name: str, query: CursorQuery) -> ResponseReturnValue:
    environment = environments.get_environment(load_project(project_id), name)
    rows, total, cursor = deployments.list_deployments(environment, query.as_page(), query.cursor)
    return listing([answers.Deployment.of(row) for row in rows], total, query, nextCursor=cursor)


# ---- secrets ---------------------------------------------------------------------------------


@bp.get("/<project_id>/secrets")
@operation(
    "List the secrets of a project, without their values",
    answers={200: Listed[answers.Secret]},
    query=PageQuery,
)
def list_secrets(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = project_secrets.list_secrets(load_project(project_id), query.as_page())
    return listing([answers.Secret.of(row) for row in rows], total, query)


@bp.get("/<project_id>/secrets/<name>")
@operation(
    "Read the metadata of a secret",
    answers={200: answers.Secret},
    address=SECRET_ADDRESS,
)
def get_secret(project_id: str, name: str) -> ResponseReturnValue:
    """Galley never returns the value."""
    return jsonify(answers.Secret.of(project_secrets.get_secret(load_project(project_id), name)))


@bp.put("/<project_id>/secrets/<name>")
@operation(
    "Store a secret",
    needs=ADMIN,
    body=SecretPut,
    answers={200: answers.StoredSecret, 201: answers.StoredSecret},
    address=SECRET_ADDRESS,
)
def put_secret(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    check_name(name, SecretAddress)
    value = read_json(SecretPut).value
    row, is_new = project_secrets.put_secret(current_actor(), project, name, value, keys())
    warnings = project_secrets.warnings(value)
    return _put_answer(answers.StoredSecret.of(row, warnings=warnings), is_new)


@bp.delete("/<project_id>/secrets/<name>")
@operation("Delete a secret", needs=ADMIN, address=SECRET_ADDRESS)
def delete_secret(project_id: str, name: str) -> ResponseReturnValue:
    project_secrets.delete_secret(current_actor(), load_project(project_id, ADMIN), name)
    return "", 204

"""/api/projects: projects, their members, test suites, environments and secrets."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints import keys
from blueprints.api import created, listing, query, read_json
from blueprints.guards import current_actor, load_project
from blueprints.present import projects as present
from blueprints.schemas import (
    CursorQuery,
    EnvironmentPut,
    MemberPut,
    NewProject,
    PageQuery,
    ProjectChange,
    TestSuitePut,
    check_name,
)
from blueprints.secret_schemas import SecretPut, check_secret_name
from domain import project_secrets, projects
from domain.access import ADMIN, SUPER_USER, require_system_admin
from domain.models import Environment

bp = Blueprint("api_projects", __name__, url_prefix="/api/projects")


def _put_answer(body: dict[str, Any], is_new: bool) -> ResponseReturnValue:
    return jsonify(body), 201 if is_new else 200


@bp.get("")
@query(PageQuery)
def list_projects(query: PageQuery) -> ResponseReturnValue:
    actor = current_actor()
    rows, total = projects.list_projects(actor, query.as_page())
    return listing([present.project(row, actor) for row in rows], total, query)


@bp.post("")
def create_project() -> ResponseReturnValue:
    actor = current_actor()
    require_system_admin(actor)
    body = read_json(NewProject)
    row = projects.create_project(actor, body.id, body.name, body.description)
    return created(present.project(row, actor), f"/api/projects/{row.id}")


@bp.get("/<project_id>")
def get_project(project_id: str) -> ResponseReturnValue:
    return jsonify(present.project(load_project(project_id), current_actor()))


@bp.put("/<project_id>")
def change_project(project_id: str) -> ResponseReturnValue:
    project, actor = load_project(project_id, ADMIN), current_actor()
    body = read_json(ProjectChange)
    row = projects.change_project(actor, project, body.name, body.description)
    return jsonify(present.project(row, actor))


# ---- members ---------------------------------------------------------------------------------


@bp.get("/<project_id>/members")
@query(PageQuery)
def list_members(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = projects.list_members(load_project(project_id), query.as_page())
    return listing([present.member(row) for row in rows], total, query)


@bp.get("/<project_id>/members/<username>")
def get_member(project_id: str, username: str) -> ResponseReturnValue:
    return jsonify(present.member(projects.get_member(load_project(project_id), username)))


@bp.put("/<project_id>/members/<username>")
def put_member(project_id: str, username: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    role = read_json(MemberPut).role
    row, is_new = projects.put_member(current_actor(), project, username, role)
    return _put_answer(present.member(row), is_new)


@bp.delete("/<project_id>/members/<username>")
def remove_member(project_id: str, username: str) -> ResponseReturnValue:
    projects.remove_member(current_actor(), load_project(project_id, ADMIN), username)
    return "", 204


# ---- test suites -----------------------------------------------------------------------------


@bp.get("/<project_id>/testsuites")
@query(PageQuery)
def list_test_suites(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = projects.list_test_suites(load_project(project_id), query.as_page())
    return listing([present.test_suite(row) for row in rows], total, query)


@bp.get("/<project_id>/testsuites/<name>")
def get_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    return jsonify(present.test_suite(projects.get_test_suite(load_project(project_id), name)))


@bp.put("/<project_id>/testsuites/<name>")
def put_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    check_name(name)
    values = read_json(TestSuitePut).model_dump()
    row, is_new = projects.put_test_suite(current_actor(), project, name, values)
    return _put_answer(present.test_suite(row), is_new)


@bp.delete("/<project_id>/testsuites/<name>")
def delete_test_suite(project_id: str, name: str) -> ResponseReturnValue:
    projects.delete_test_suite(current_actor(), load_project(project_id, SUPER_USER), name)
    return "", 204


# ---- environments ----------------------------------------------------------------------------


@bp.get("/<project_id>/environments")
@query(PageQuery)
def list_environments(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = projects.list_environments(load_project(project_id), query.as_page())
    return listing(_with_deployments(rows), total, query)


@bp.get("/<project_id>/environments/<name>")
def get_environment(project_id: str, name: str) -> ResponseReturnValue:
    row = projects.get_environment(load_project(project_id), name)
    return jsonify(_with_deployments([row])[0])


@bp.put("/<project_id>/environments/<name>")
def put_environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    check_name(name)
    values = read_json(EnvironmentPut).model_dump()
    row, is_new = projects.put_environment(current_actor(), project, name, values)
    return _put_answer(_with_deployments([row])[0], is_new)


def _with_deployments(rows: list[Environment]) -> list[dict[str, Any]]:
    deployed, lost = projects.deployed_now(rows), projects.lost_in(rows)
    return [present.environment(row, deployed.get(row.id), lost.get(row.id)) for row in rows]


@bp.delete("/<project_id>/environments/<name>")
def delete_environment(project_id: str, name: str) -> ResponseReturnValue:
    projects.delete_environment(current_actor(), load_project(project_id, SUPER_USER), name)
    return "", 204


@bp.get("/<project_id>/environments/<name>/deployments")
@query(CursorQuery)
def list_deployments(project_id: str, name: str, query: CursorQuery) -> ResponseReturnValue:
    environment = projects.get_environment(load_project(project_id), name)
    rows, total, cursor = projects.list_deployments(environment, query.as_page(), query.cursor)
    return listing([present.deployment(row) for row in rows], total, query, nextCursor=cursor)


# ---- secrets ---------------------------------------------------------------------------------


@bp.get("/<project_id>/secrets")
@query(PageQuery)
def list_secrets(project_id: str, query: PageQuery) -> ResponseReturnValue:
    rows, total = project_secrets.list_secrets(load_project(project_id), query.as_page())
    return listing([present.secret(row) for row in rows], total, query)


@bp.get("/<project_id>/secrets/<name>")
def get_secret(project_id: str, name: str) -> ResponseReturnValue:
    return jsonify(present.secret(project_secrets.get_secret(load_project(project_id), name)))


@bp.put("/<project_id>/secrets/<name>")
def put_secret(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id, ADMIN)
    check_secret_name(name)
    value = read_json(SecretPut).value
    row, is_new = project_secrets.put_secret(current_actor(), project, name, value, keys())
    warnings = [warning.as_dict() for warning in project_secrets.warnings(value)]
    return _put_answer({**present.secret(row), "warnings": warnings}, is_new)


@bp.delete("/<project_id>/secrets/<name>")
def delete_secret(project_id: str, name: str) -> ResponseReturnValue:
    project_secrets.delete_secret(current_actor(), load_project(project_id, ADMIN), name)
    return "", 204

"""/api/workflows: the seven calls on workflows, and the revisions of one."""

import re
from typing import Annotated, Any, ClassVar, Literal

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import Field, StringConstraints
from werkzeug.wrappers import Response

from blueprints import run_actions
from blueprints.answers import Listed
from blueprints.answers import workflows as answers
from blueprints.answers.runs import StartedRun
from blueprints.api import (
    created,
    idempotency_key,
    listing,
    read_json,
    read_object,
    replayed,
    started,
)
from blueprints.api.operations import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    SIGNED_IN,
    operation,
)
from blueprints.guards import current_actor, load_project, load_workflow
from blueprints.present import workflows as present
from blueprints.schemas import Line, PageQuery, Schema
from domain import statistics, workflow_queries, workflows
from domain.access import SUPER_USER
from domain.definition import parse
from domain.idempotency import Answer, first_answer, keep
from domain.paging import fetch
from domain.references import SLUG
from domain.workflow_queries import Detail
from domain.workflow_schema import ChangedWorkflow, NewWorkflow

bp = Blueprint("api_workflows", __name__, url_prefix="/api/workflows")


class WorkflowQuery(PageQuery):
    project_id: Line | None = None
    search: Line = ""
    is_enabled: bool | None = None
    sort: Literal["name", "-name", "updatedAt", "-updatedAt", "lastRunAt", "-lastRunAt"] = "name"


class MetadataQuery(Schema):
    whole: ClassVar[str] = "the query"
    days: int | None = Field(None, ge=1, le=3650)


class StartRun(Schema):
    whole: ClassVar[str] = "a run"
    parameters: dict[str, Any] = Field({})
    trigger_source: Annotated[Line, StringConstraints(max_length=100)] = ""
    """In the sender's words, such as the name of a script; `api` if there are none."""


@bp.get("")
@operation(
    "List workflows",
    needs=SIGNED_IN,
    answers={200: Listed[answers.WorkflowItem]},
    query=WorkflowQuery,
)
def list_workflows(query: WorkflowQuery) -> ResponseReturnValue:
    rows, total = fetch(find(query), query.as_page())
    last_runs = workflow_queries.last_runs(rows)
    return listing([present.item(row, last_runs.get(row.id)) for row in rows], total, query)


def find(query: WorkflowQuery) -> Any:
    """The workflows asked for among those that the caller may read."""
    actor = current_actor()
    projects = None if actor.is_system_admin else list(actor.roles)
    if query.project_id is not None:
        projects = [load_project(query.project_id).id]
    return workflow_queries.find(
        projects=projects,
        search=query.search,
        is_enabled=query.is_enabled,
        sort=query.sort,
    )


@bp.post("")
@operation(
    "Make a workflow",
    needs=SUPER_USER,
    body=NewWorkflow,
    answers={201: answers.Workflow},
    errors=(409,),
    headers=(IDEMPOTENCY_KEY,),
)
def create_workflow() -> ResponseReturnValue:
    body = read_object()
    _check_project(body.get("projectId"))
    new = parse(body, NewWorkflow)
    keyed = idempotency_key()
    if keyed and (first := first_answer(keyed)):
        return replayed(first)

    def remember(made: Detail) -> None:
        headers = {"Location": _address(made), "ETag": f'"{present.etag(made)}"'}
        keep(keyed, Answer(201, present.workflow(made), headers))

    made = workflows.create(new, actor=current_actor(), within=remember)
    return _with_etag(created(present.workflow(made), _address(made)), made)


@bp.get("/<workflow_id>")
@operation("Read a workflow", answers={200: answers.Workflow, 304: None}, headers=(IF_NONE_MATCH,))
def get_workflow(workflow_id: str) -> ResponseReturnValue:
    found = workflow_queries.detail(load_workflow(workflow_id))
    return _with_etag(jsonify(present.workflow(found)), found).make_conditional(request)


@bp.put("/<workflow_id>")
@operation(
    "Save a workflow",
    needs=SUPER_USER,
    body=ChangedWorkflow,
    answers={200: answers.Workflow},
    errors=(409, 412),
    headers=(IF_MATCH,),
)
def change_workflow(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    changed = parse(read_object(), ChangedWorkflow, project_id=workflow.project_id)
    saved = workflows.update(workflow, changed, actor=current_actor(), if_match=_if_match())
    return _with_etag(jsonify(present.workflow(saved)), saved)


@bp.delete("/<workflow_id>")
@operation("Delete a workflow", needs=SUPER_USER, errors=(409, 412), headers=(IF_MATCH,))
def delete_workflow(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    workflows.delete(workflow, actor=current_actor(), if_match=_if_match())
    return "", 204


@bp.get("/<workflow_id>/metadata")
@operation(
    "Read the statistics of a workflow", answers={200: answers.Metadata}, query=MetadataQuery
)
def get_metadata(workflow_id: str, query: MetadataQuery) -> ResponseReturnValue:
    return jsonify(statistics.metadata(load_workflow(workflow_id), query.days))


@bp.post("/<workflow_id>/runs")
@operation(
    "Start a run",
    needs=SUPER_USER,
    body=StartRun,
    body_is_optional=True,
    answers={201: StartedRun},
    errors=(409,),
    headers=(IDEMPOTENCY_KEY,),
)
def start_run(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    body = read_json(StartRun)
    source = body.trigger_source or "api"
    return started(
        lambda within: run_actions.start(workflow, body.parameters, source, within=within)
    )


@bp.get("/<workflow_id>/revisions")
@operation(
    "List the revisions of a workflow, newest first",
    answers={200: Listed[answers.RevisionItem]},
    query=PageQuery,
)
def list_revisions(workflow_id: str, query: PageQuery) -> ResponseReturnValue:
    found = workflow_queries.find_revisions(load_workflow(workflow_id))
    rows, total = fetch(found, query.as_page())
    return listing([present.revision_item(row) for row in rows], total, query)


@bp.get("/<workflow_id>/revisions/<int:number>")
@operation("Read a revision", answers={200: answers.Revision})
def get_revision(workflow_id: str, number: int) -> ResponseReturnValue:
    row = workflow_queries.get_revision(load_workflow(workflow_id), number)
    return jsonify(present.revision(row))


def _check_project(project_id: object) -> None:
    """Who may not create here is told so before being told what is wrong with the body."""
    if isinstance(project_id, str) and re.fullmatch(SLUG, project_id):
        load_project(project_id, SUPER_USER)


def _address(made: Detail) -> str:
    return f"/api/workflows/{made.workflow.id}"


def _with_etag(response: Response, detail: Detail) -> Response:
    response.set_etag(present.etag(detail))
    return response


def _if_match() -> set[str] | None:
    """The versions that the request wants to replace; None: whichever is there.

    A weak tag counts too: a proxy that compresses makes every tag of ours weak.
    """
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    return present.versions_in(request.if_match.as_set(include_weak=True))

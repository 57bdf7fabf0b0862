"""/api/workflows: workflows, their validation, statistics, and revisions."""

import hashlib
import json
import re
from collections.abc import Iterable

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from blueprints.api.operations import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    SIGNED_IN,
    operation,
)
from blueprints.api.replies import listing, once, read_json, read_object, started
from blueprints.requests.base import PageQuery
from blueprints.requests.workflows import MetadataQuery, StartRun, ValidateQuery, WorkflowQuery
from blueprints.responses import workflows as answers
from blueprints.responses.base import Listed
from blueprints.responses.runs import StartedRun
from blueprints.shared import run_control
from blueprints.shared.guards import current_actor, load_project, load_workflow
from blueprints.shared.visible import find_workflows
from domain.accounts.access import SUPER_USER, USER
from domain.accounts.idempotency import Answer
from domain.definitions.schema import ChangedWorkflow, NewWorkflow
from domain.definitions.validate import parse
from domain.errors import Invalid
from domain.pagination import fetch
from domain.validation.patterns import SLUG_BODY
from domain.workflows import preview, statistics, workflows
from domain.workflows import queries as workflow_queries
from domain.workflows.queries import Detail
from domain.workflows.workflows import version_of

bp = Blueprint("api_workflows", __name__, url_prefix="/api/workflows")


@bp.get("")
@operation(
    "List workflows",
    needs=SIGNED_IN,
    answers={200: Listed[answers.WorkflowItem]},
    query=WorkflowQuery,
)
def list_workflows(query: WorkflowQuery) -> ResponseReturnValue:
    rows, total = fetch(find_workflows(query), query.as_page())
    last_runs = workflow_queries.last_runs(rows)
    return listing(
        [answers.WorkflowItem.of(row, last_run=last_runs.get(row.id)) for row in rows], total, query
    )


@bp.post("")
@operation(
    "Create a workflow",
    needs=SUPER_USER,
    body=NewWorkflow,
    answers={201: answers.Workflow},
    errors=(409,),
    headers=(IDEMPOTENCY_KEY,),
    gives=(ETAG,),
)
def create_workflow() -> ResponseReturnValue:
    body = read_object()
    _check_project(body.get("projectId"), SUPER_USER)
    new = parse(body, NewWorkflow)
    return once(lambda: workflows.create(new, actor=current_actor()), _made)


@bp.post("/validate")
@operation(
    "Validate a workflow without saving it",
    needs=USER,
    body=NewWorkflow,
    body_may_be_wrong=True,
    changes=False,
    answers={200: answers.Validation},
    query=ValidateQuery,
)
def validate_workflow(query: ValidateQuery) -> ResponseReturnValue:
    """Return the errors of a definition, what its runs still lack, and the plan of its steps.

    Nothing is stored. Errors in the definition are the result, not an error response.
    """
    workflow = None if query.workflow_id is None else load_workflow(query.workflow_id)
    try:
        body = read_object()
    except Invalid as invalid:  # an object, but of texts that cannot be stored
        return jsonify(answers.validation(preview.Examined(invalid.errors)))
    _check_project(body.get("projectId"), USER)
    return jsonify(answers.validation(preview.examine(body, workflow)))


@bp.get("/<workflow_id>")
@operation(
    "Read a workflow",
    answers={200: answers.Workflow, 304: None},
    errors=(412,),
    headers=(IF_NONE_MATCH,),
    gives=(ETAG,),
)
def get_workflow(workflow_id: str) -> ResponseReturnValue:
    found = workflow_queries.detail(load_workflow(workflow_id))
    return _with_etag(jsonify(answers.workflow(found)), found).make_conditional(request)


@bp.put("/<workflow_id>")
@operation(
    "Save a workflow",
    needs=SUPER_USER,
    body=ChangedWorkflow,
    answers={200: answers.Workflow},
    errors=(409, 412),
    headers=(IF_MATCH,),
    gives=(ETAG,),
)
def change_workflow(workflow_id: str) -> ResponseReturnValue:
    workflow = load_workflow(workflow_id, SUPER_USER)
    changed = parse(read_object(), ChangedWorkflow, project_id=workflow.project_id)
    saved = workflows.update(workflow, changed, actor=current_actor(), if_match=_if_match())
    return _with_etag(jsonify(answers.workflow(saved)), saved)


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
    found = statistics.metadata(load_workflow(workflow_id), query.days)
    return jsonify(answers.Metadata.model_validate(found))


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
    return started(lambda: run_control.start(workflow, body.parameters, source))


@bp.get("/<workflow_id>/revisions")
@operation(
    "List the revisions of a workflow, newest first",
    answers={200: Listed[answers.RevisionItem]},
    query=PageQuery,
)
def list_revisions(workflow_id: str, query: PageQuery) -> ResponseReturnValue:
    found = workflow_queries.find_revisions(load_workflow(workflow_id))
    rows, total = fetch(found, query.as_page())
    return listing(
        [answers.RevisionItem.of(row, revision=row.number) for row in rows], total, query
    )


@bp.get("/<workflow_id>/revisions/<int:number>")
@operation("Read a revision", answers={200: answers.Revision})
def get_revision(workflow_id: str, number: int) -> ResponseReturnValue:
    row = workflow_queries.get_revision(load_workflow(workflow_id), number)
    return jsonify(answers.Revision.of(row, revision=row.number))


def _check_project(project_id: object, role: str) -> None:
    """Check permission before validating the body."""
    if isinstance(project_id, str) and re.fullmatch(SLUG_BODY, project_id):
        load_project(project_id, role)


def _made(detail: Detail) -> Answer:
    headers = {
        "Location": f"/api/workflows/{detail.workflow.id}",
        "ETag": f'"{_etag(detail)}"',
    }
    return Answer(201, answers.workflow(detail).model_dump(mode="json"), headers)


def _etag(detail: Detail) -> str:
    """Return the version, which has three parts, and a fourth for the warnings: they change alone.

    If-Match compares the version only (`_versions_in`).
    """
    warnings = json.dumps([warning.as_dict() for warning in detail.warnings])
    digest = hashlib.sha256(warnings.encode()).hexdigest()[:8] if detail.warnings else "0"
    return f"{version_of(detail.workflow)}-{digest}"


def _versions_in(tags: Iterable[str | None]) -> set[str]:
    """Return the versions in some ETags of ours, whatever a proxy has appended to them.

    Apache makes `…-gzip` of the tag of what it compresses. An empty tag is read as None.
    """
    return {"-".join(tag.split("-")[:3]) for tag in tags if tag}


def _with_etag(response: Response, detail: Detail) -> Response:
    response.set_etag(_etag(detail))
    return response


def _if_match() -> set[str] | None:
    """Return the versions that the request wants to replace; None for any.

    A weak tag counts too: a proxy that compresses makes every tag weak.
    """
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    return _versions_in(request.if_match.as_set(include_weak=True))

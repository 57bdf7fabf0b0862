"""The draft of the editor as text: shown as YAML or JSON, and taken from it or from a file."""

from typing import Literal

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.requests.base import Schema
from blueprints.shared import pages
from blueprints.shared.guards import load_draft
from domain.definitions import source
from domain.definitions.normalize import FIELDS
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.source import LocatedFault
from domain.definitions.validate import parse
from domain.editor import drafts, operations
from domain.errors import Invalid
from domain.models import Draft

bp = Blueprint("editor_source", __name__, url_prefix="/drafts/<draft_id>/source")


class SourceQuery(Schema):
    language: Literal["yaml", "json"] = "yaml"
    download: bool = False


@bp.get("")
def show(draft_id: str) -> ResponseReturnValue:
    draft, query = load_draft(draft_id), pages.read_query(SourceQuery)
    text = source.write(source.short(_shared(draft)), query.language)
    if query.download:
        response = Response(text, mimetype="text/plain")
        name = f"{drafts.present(draft).definition['name'] or 'workflow'}.{query.language}"
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response
    return _page(draft, query.language, text)


@bp.post("")
def take(draft_id: str) -> ResponseReturnValue:
    """Into the draft, as one change; or the text again, with every fault at its line."""
    draft, query = load_draft(draft_id), pages.read_query(SourceQuery)
    language, text = query.language, request.form.get("text", "").replace("\r\n", "\n")
    if (file := request.files.get("file")) and file.filename:
        language = source.language_of(file.filename)
        text = file.read(source.MAX_BYTES + 1).decode("utf-8", "replace")
    read = source.read(text, language)
    if read.definition is None:
        return _page(draft, language, text, read.faults), 422
    try:
        body = {name: value for name, value in read.definition.items() if name != "isEnabled"}
        parsed = parse(body, ChangedWorkflow, project_id=draft.project_id)
    except Invalid as invalid:
        return _page(draft, language, text, source.located(invalid.faults, read)), 422
    definition = parsed.model_dump(include=FIELDS)
    drafts.change(draft, lambda present: (operations.adopt(present, definition), "source taken"))
    return redirect(f"/drafts/{draft.id}", 303)


def _shared(draft: Draft) -> operations.Draft:
    """As others may have it: ids that only the draft knows are left out."""
    body = operations.body_of(drafts.present(draft).definition)
    return {**body, "projectId": draft.project_id}


def _page(draft: Draft, language: str, text: str, faults: list[LocatedFault] | None = None) -> str:
    return render_template(
        "editor/source.html",
        draft=draft,
        name=drafts.present(draft).definition["name"] or "the draft",
        language=language,
        text=text,
        faults=faults or [],
    )

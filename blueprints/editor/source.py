"""The source of a draft: shown as YAML or JSON, and applied from text or a file."""

from collections.abc import Sequence
from typing import Literal

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.editor.session import EditorSession
from blueprints.requests.base import Schema
from blueprints.shared import pages
from domain.definitions import source
from domain.definitions.normalize import FIELDS
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.source import LocatedError
from domain.definitions.validate import parse
from domain.editor import operations
from domain.errors import Invalid

bp = Blueprint("editor_source", __name__, url_prefix="/drafts/<draft_id>/source")


class SourceQuery(Schema):
    language: Literal["yaml", "json"] = "yaml"
    download: bool = False


@bp.get("")
def show(draft_id: str) -> ResponseReturnValue:
    """Show the source, without ids that only the draft has, or download it."""
    session, query = EditorSession(draft_id), pages.read_query(SourceQuery)
    body = {**operations.body_of(session.present.definition), "projectId": session.project.id}
    text = source.write(source.short(body), query.language)
    if query.download:
        response = Response(text, mimetype="text/plain")
        name = f"{body['name'] or 'workflow'}.{query.language}"
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response
    return _page(session, query.language, text)


@bp.post("")
def apply(draft_id: str) -> ResponseReturnValue:
    """Replace the definition of the draft, or show the text again with its errors."""
    session, query = EditorSession(draft_id), pages.read_query(SourceQuery)
    language, text = query.language, request.form.get("text", "").replace("\r\n", "\n")
    if (file := request.files.get("file")) and file.filename:
        language = source.language_of(file.filename)
        text = file.read(source.MAX_BYTES + 1).decode("utf-8", "replace")
    read = source.read(text, language)
    if read.definition is None:
        return _page(session, language, text, read.errors), 422
    try:
        body = {name: value for name, value in read.definition.items() if name != "isEnabled"}
        parsed = parse(body, ChangedWorkflow, project_id=session.project.id)
    except Invalid as invalid:
        return _page(session, language, text, source.located(invalid.errors, read)), 422
    with session.editing() as editing:
        definition = parsed.model_dump(include=FIELDS)
        editing.change(operations.adopt(editing.present.definition, definition), "source applied")
    return redirect(f"/drafts/{draft_id}", 303)


def _page(
    session: EditorSession, language: str, text: str, errors: Sequence[LocatedError] = ()
) -> str:
    return render_template(
        "editor/source.html",
        draft=session.draft,
        name=session.present.definition["name"] or "the draft",
        language=language,
        text=text,
        errors=errors,
    )

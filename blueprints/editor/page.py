"""The editor's page and its fragments: the context of a draft and its open part."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template

from blueprints.editor.create_missing import KINDS, Missing, missing_of
from blueprints.editor.form import ROLES
from blueprints.editor.session import NO_PART, EditorSession
from blueprints.shared import pages
from blueprints.shared.run_summary import count
from domain.definitions.normalize import parts_of
from domain.editor import commands, drafts, operations, release_choices
from domain.errors import FieldError
from domain.validation.messages import pointer


@dataclass(frozen=True)
class Problem:
    """An error or a warning, and the part that it is about."""

    error: FieldError
    part: str
    where: str
    """The name of the part; "" for the workflow."""
    field: str
    """The name of the field in the API."""


def editor_page(
    session: EditorSession,
    template: str = "",
    *,
    refused: Sequence[FieldError] = (),
    missing: Missing | None = None,
) -> str:
    """Return the page, or for htmx the editor alone.

    refused: the errors of a save. missing: a thing that could not be created, with its errors.
    """
    state, project, opened = session.present, session.project, session.opened
    definition = state.definition
    path = operations.path_of(definition, session.part) if session.part else ()
    found = drafts.check(state)
    errors = [*found.errors, *(error for error in refused if error not in found.errors)]
    problems = list(_problems(errors, definition))
    message = session.message or state.said
    if refused:
        message = f"Not saved: fix {count(len(errors), 'error')}"
    kind = KINDS.get(opened.get("type", ""))
    return render_template(
        template or ("editor/_editor.html" if pages.is_partial() else "editor/edit.html"),
        draft=state.draft,
        workflow=definition,
        part=session.part,
        opened=opened,
        title=commands.called(opened),
        is_stage=len(path) == 2,
        at=pointer(path),
        errors=errors,
        problems=problems,
        warnings=list(_problems(found.warnings, definition)),
        wrong_parts={problem.part for problem in problems},
        plan=found.steps,
        undoes=state.undoes,
        redoes=state.redoes,
        message=message,
        is_refused=bool(refused),
        picks=kind.names(project) if kind else [],
        offers=_offers(session, opened),
        picked=release_choices.picked(opened),
        missing=missing or missing_of(project, definition, opened),
        comment=session.comment,
        kinds=tuple(KINDS),
        roles=ROLES,
    )


def _problems(errors: Iterable[FieldError], definition: operations.Draft) -> Iterator[Problem]:
    parts = {pointer(path): part for path, part in parts_of(definition)}
    for error in errors:
        at, names = error.field, error.field.split("/")
        while at and at not in parts:
            at = at.rpartition("/")[0]
        field = next((name for name in reversed(names) if not name.isdigit()), "")
        if at:
            yield Problem(error, parts[at]["id"], parts[at]["name"] or "Without a name", field)
        else:
            is_parameter = names[1:2] == ["parameters"] and len(names) > 2
            where = f"Parameter {int(names[2]) + 1}" if is_parameter else ""
            yield Problem(error, NO_PART, where, field)


def _offers(session: EditorSession, opened: operations.Part) -> dict[str, Any]:
    """Return the releases and files that the open step can take."""
    if opened.get("type") not in ("Test", "Deploy"):
        return {}
    definition, ingredients = session.present.definition, KINDS["Build"].names(session.project)
    known = release_choices.among(definition, ingredients)
    versions = release_choices.newest_versions(known)
    files = release_choices.package_paths(known) if opened["type"] == "Deploy" else []
    releases = release_choices.offers(definition, opened["id"], ingredients, versions)
    return {"releases": releases, "files": files}

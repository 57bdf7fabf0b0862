"""The editor's page and its pieces: what the templates are told of a draft and its open part."""

import re
from typing import Any

from flask import render_template, request

from blueprints.editor import create_missing
from blueprints.editor import form as editor_form
from blueprints.shared.guards import current_actor, load_project
from blueprints.shared.run_summary import count
from domain.editor import commands, drafts, operations, release_choices
from domain.editor.drafts import Present
from domain.pagination import Page
from domain.projects import environments, test_suites
from domain.releases import ingredients
from domain.validation.messages import pointer

PICKS = 200
"""How many ingredients, suites and environments a field offers."""
KINDS = ("Build", "Test", "Deploy")
NO_PART = ""
"""The workflow itself."""
_IS_MISSING = re.compile(r"The configuration needs .*|An? \w+ needs '\w+'\.")
_SUBJECT = re.compile(r"^(?:Each of )?'\w+' of [^.]*? (?=(?:must|is|has|takes)\b)")


def editor_page(
    now_is: Present,
    part: str,
    template: str = "editor/edit.html",
    *,
    refused: Any = (),
    told: str = "",
    lack: create_missing.Lack | None = None,
) -> str:
    """refused: what a save was refused for, if it was. told: what was done, to be read out.

    lack: what could not be made, with what is wrong; else it is looked for.
    """
    definition = now_is.definition
    found = drafts.check(now_is)
    try:
        path = operations.path_of(definition, part) if part else ()
    except operations.NoSuchPartError:
        part, path = NO_PART, ()
    opened = operations.find(definition, part)[2] if part else definition
    of = {
        pointer(operations.path_of(definition, part["id"])): part["id"]
        for part in _parts(definition)
    }
    faults = _of_parts([*(fault.as_dict() for fault in found.errors), *refused], of)
    warnings = _of_parts([fault.as_dict() for fault in found.warnings], of)
    if refused:
        told = f"Not saved: {count(len(faults), 'fault')} to mend"
    return render_template(
        template,
        draft=now_is.draft,
        workflow=definition,
        part=part,
        opened=opened,
        title=commands.called(opened),
        is_stage=len(path) == 2,
        at=pointer(path),
        faults=faults,
        warnings=warnings,
        fault_told=fault_told,
        faulty={fault["part"] for fault in faults},
        names={part["id"]: part["name"] for part in _parts(definition)},
        plan=found.steps,
        undoes=now_is.undoes,
        redoes=now_is.redoes,
        told=told or now_is.said,
        is_refused=bool(refused),
        picks=_picks(now_is.draft.project_id),
        offers=_offers(definition, opened, now_is.draft.project_id),
        picked=release_choices.picked(opened),
        lack=lack or lack_of(now_is, part),
        comment=comment_typed(),
        kinds=KINDS,
        roles=editor_form.ROLES,
    )


def comment_typed() -> str:
    """What was typed about the change, for the history; a page that was left brings it along."""
    return request.values.get("comment", "")[:1000]


def lack_of(now_is: Present, part: str) -> create_missing.Lack | None:
    """What the open step names and the project lacks."""
    try:
        opened = operations.find(now_is.definition, part)[2]
    except operations.NoSuchPartError:
        return None
    if "configuration" not in opened:
        return None
    project = load_project(now_is.draft.project_id)
    return create_missing.lack_of(project, now_is.definition, opened)


def _of_parts(faults: list[dict[str, Any]], of: dict[str, str]) -> list[dict[str, Any]]:
    """Each once, with the part that it is about. of: pointer → part."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for fault in faults:
        at = fault["field"]
        while at and at not in of:
            at = at.rpartition("/")[0]
        name = next((key for key in fault["field"].split("/")[::-1] if not key.isdigit()), "")
        found = {**fault, "name": name, "part": of.get(at, NO_PART)}
        seen.setdefault((fault["field"], fault["message"]), found)
    return list(seen.values())


def fault_told(message: str, label: str) -> str:
    """A fault of the API, with the label of the field that it is about for the name it has there.

    What does not name it, such as `A step needs a name.`, is good as it is.
    """
    if _IS_MISSING.fullmatch(message):
        return f"{label} is needed."
    subject = f"{label}: each " if message.startswith("Each of") else f"{label} "
    return _SUBJECT.sub(lambda _: subject, message, count=1).replace(", not text.", ".")


def _parts(definition: operations.Draft) -> list[operations.Part]:
    return [part for stage in definition["stages"] for part in (stage, *stage["steps"])]


def _picks(project_id: str) -> dict[str, list[str]]:
    """What the fields offer."""
    project, page = load_project(project_id), Page(1, PICKS)
    suites, _ = test_suites.list_test_suites(project, page)
    places, _ = environments.list_environments(project, page)
    return {
        "ingredients": _ingredients(project_id),
        "suites": [row.name for row in suites],
        "environments": [row.name for row in places],
    }


def _offers(
    definition: operations.Draft, opened: operations.Part, project_id: str
) -> dict[str, Any]:
    """The releases and files that the open step may take; nothing for one that takes none."""
    if opened.get("type") not in ("Test", "Deploy"):
        return {}
    made = _ingredients(project_id)
    known = release_choices.among(definition, made)
    versions = release_choices.newest_versions(known)
    files = release_choices.package_paths(known) if opened["type"] == "Deploy" else []
    releases = release_choices.offers(definition, opened["id"], made, versions)
    return {"releases": releases, "files": files}


def _ingredients(project_id: str) -> list[str]:
    rows, _ = ingredients.list_ingredients(current_actor(), Page(1, PICKS), project_id)
    return [row.id for row in rows]

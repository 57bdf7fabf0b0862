"""Operations on drafts of definitions: pure functions from one draft to the next.

A draft is a definition as in a PUT, but it may be wrong anywhere: it holds exactly what was typed.
Each of its stages and steps has an `id`; those of parts that no revision has begin with NEW.
The stages are in the order of the list.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from domain.definitions.normalize import parts_of
from domain.models.base import new_id
from domain.validation.messages import Path

Draft = dict[str, Any]
Part = dict[str, Any]

NEW = "new-"
CREATING = "making"
"""Member of a draft: input for creating the missing thing that a step names, by the step's id.

It is not part of the definition, but no input may get lost.
"""
CONFIGURATIONS: Mapping[str, Part] = {
    "Build": {"ingredientId": "", "buildScript": ""},
    "Test": {"testSuite": "", "releaseIds": []},
    "Deploy": {"target": "", "artifactPath": ""},
}


class NoSuchPartError(LookupError):
    """The draft has no stage or step with that id, or no longer has it."""


def empty(name: str, project_id: str) -> Draft:
    """Return a workflow of one stage with one step to fill in."""
    stage = _new_stage("Build")
    stage["steps"].append(_new_step("Build", "build"))
    return {
        "name": name,
        "projectId": project_id,
        "description": "",
        "parameters": None,
        "concurrency": None,
        "stages": [stage],
    }


def body_of(draft: Draft) -> Draft:
    """Return the draft as a body of the API: without ids of the editor, with numbered stages.

    Text that is no number stays text, so that the validation reports it.
    """
    body = {key: value for key, value in deepcopy(draft).items() if key != CREATING}
    body["concurrency"] = _number(body.get("concurrency"))
    for order, stage in enumerate(body["stages"], 1):
        stage["order"] = order
        for part in (stage, *stage["steps"]):
            if str(part.get("id", "")).startswith(NEW):
                del part["id"]
        for step in stage["steps"]:
            for field in ("timeoutSeconds", "retries"):
                step[field] = _number(step.get(field))
                if step[field] is None:
                    del step[field]
            if not step["configuration"].get("buildScript", "x").strip():
                del step["configuration"]["buildScript"]
    return body


def _number(typed: Any) -> Any:
    if not isinstance(typed, str):
        return typed
    try:
        return int(typed)
    except ValueError:
        return typed.strip() or None


def adopt(draft: Draft, definition: Mapping[str, Any]) -> Draft:
    """Replace the definition of the draft. Parts without an id get that of their namesake.

    definition: a valid one, with all defaults filled in.
    """
    known = {(len(path), part["name"]): part["id"] for path, part in parts_of(draft)}
    adopted = deepcopy(dict(definition))
    adopted["stages"].sort(key=lambda stage: stage["order"])
    taken = {part["id"] for _, part in parts_of(adopted)}
    for path, part in parts_of(adopted):
        part.pop("order", None)
        if not part["id"]:
            kept = known.get((len(path), part["name"]))
            part["id"] = kept if kept and kept not in taken else NEW + new_id()
            taken.add(part["id"])
    return {**draft, **adopted}


# ---- finding ---------------------------------------------------------------------------------


def path_of(draft: Draft, part_id: str) -> Path:
    """Return the path of a stage or step in the body: ("stages", 0, "steps", 1)."""
    for path, part in parts_of(draft):
        if part["id"] == part_id:
            return path
    raise NoSuchPartError(part_id)


def find(draft: Draft, part_id: str) -> tuple[list[Part], int, Part]:
    """Return the list that holds a stage or step, its position there, and the part itself."""
    stage, position = stage_of(draft, part_id), int(path_of(draft, part_id)[-1])
    siblings = stage["steps"] if stage else draft["stages"]
    return siblings, position, siblings[position]


def part_of(draft: Draft, part_id: str) -> Part:
    """Return a stage or step, or the workflow itself for ""."""
    return find(draft, part_id)[2] if part_id else draft


def stage_of(draft: Draft, part_id: str) -> Part | None:
    """Return the stage that holds a step; None for a stage."""
    path = path_of(draft, part_id)
    return draft["stages"][path[1]] if len(path) == 4 else None


def _free_name(draft: Draft, wanted: str) -> str:
    taken = {part["name"] for _, part in parts_of(draft)}
    number, name = 2, wanted
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name


# ---- changing --------------------------------------------------------------------------------


def _on_a_copy(change: Callable[..., str]) -> Callable[..., tuple[Draft, str]]:
    """Make an operation return the changed copy and the id of the part that it is about."""

    def changed(draft: Draft, *arguments: Any) -> tuple[Draft, str]:
        draft = deepcopy(draft)
        return draft, change(draft, *arguments)

    changed.__doc__ = change.__doc__
    return changed


@_on_a_copy
def add_stage(draft: Draft, after: str | None) -> str:
    """Add a stage after another, or at the end for None."""
    stage = _new_stage(_free_name(draft, f"Stage {len(draft['stages']) + 1}"))
    place = len(draft["stages"]) if after is None else find(draft, after)[1] + 1
    draft["stages"].insert(place, stage)
    return str(stage["id"])


@_on_a_copy
def add_step(draft: Draft, stage_id: str, kind: str) -> str:
    """Add a step at the end of a stage. kind: Build, Test or Deploy."""
    *_, stage = find(draft, stage_id)
    step = _new_step(kind, _free_name(draft, kind.lower()))
    stage["steps"].append(step)
    return str(step["id"])


@_on_a_copy
def copy(draft: Draft, part_id: str) -> str:
    """Add a copy after the part, under unused names."""
    siblings, place, part = find(draft, part_id)
    twin = deepcopy(part)
    for copied in (twin, *twin.get("steps", ())):
        copied["id"] = NEW + new_id()
        copied["name"] = _free_name(draft, copied["name"])
    siblings.insert(place + 1, twin)
    return str(twin["id"])


@_on_a_copy
def remove(draft: Draft, part_id: str) -> str:
    """Delete a part; return its neighbor, or the stage, or "" if there is neither."""
    siblings, place, _ = find(draft, part_id)
    stage = stage_of(draft, part_id)
    del siblings[place]
    neighbor = siblings[min(place, len(siblings) - 1)] if siblings else stage
    return neighbor["id"] if neighbor else ""


@_on_a_copy
def move(draft: Draft, part_id: str, way: str) -> str:
    """Move a part back, on, first or last in its list, or a step left or right to a stage."""
    siblings, place, part = find(draft, part_id)
    if way in ("left", "right"):
        stages = draft["stages"]
        there = stages.index(stage_of(draft, part_id)) + (1 if way == "right" else -1)
        if 0 <= there < len(stages):
            siblings.remove(part)
            stages[there]["steps"].insert(place, part)
        return part_id
    target = {"back": place - 1, "on": place + 1, "first": 0, "last": len(siblings)}[way]
    siblings.insert(max(target, 0), siblings.pop(place))
    return part_id


@_on_a_copy
def place(draft: Draft, part_id: str, stage_id: str, position: int) -> str:
    """Move a step to a position in a stage, or (stage_id "") a stage to one in the workflow."""
    siblings, before, part = find(draft, part_id)
    goal = find(draft, stage_id)[2]["steps"] if stage_id else draft["stages"]
    if ("steps" in part) == bool(stage_id):
        raise NoSuchPartError(stage_id)
    del siblings[before]
    goal.insert(max(position, 0), part)
    return part_id


@_on_a_copy
def fill_in(
    draft: Draft, part_id: str, fields: Mapping[str, Any], creating: Mapping[str, str] | None = None
) -> str:
    """Set fields of a part, or of the workflow for "".

    A `configuration` is set member by member, unless the type of the step changes.
    creating: input for creating the missing thing that the step names.
    """
    part = part_of(draft, part_id)
    is_same_type = fields.get("type", part.get("type")) == part.get("type")
    known = part.get("configuration", {}) if is_same_type else {}
    part.update(fields)
    if "configuration" in fields:
        part["configuration"] = {**known, **fields["configuration"]}
    if creating:
        _note(draft, part_id, creating)
    return part_id


@_on_a_copy
def forget_creating(draft: Draft, part_id: str) -> str:
    """Drop the input for creating the missing thing that the step names."""
    _note(draft, part_id, {})
    return part_id


def _note(draft: Draft, part_id: str, creating: Mapping[str, str]) -> None:
    notes = {**draft.pop(CREATING, {}), part_id: dict(creating)}
    if kept := {step: typed for step, typed in notes.items() if any(typed.values())}:
        draft[CREATING] = kept


@_on_a_copy
def add_parameter(draft: Draft) -> str:
    draft["parameters"] = [*(draft["parameters"] or ()), {"name": "", "type": "string"}]
    return ""


@_on_a_copy
def remove_parameter(draft: Draft, number: int) -> str:
    """Delete a parameter, counted from 0. Without declarations, a run may have any parameters."""
    left = [item for n, item in enumerate(draft["parameters"] or ()) if n != number]
    draft["parameters"] = left or None
    return ""


# ---- new parts -------------------------------------------------------------------------------


def _new_stage(name: str) -> Part:
    return {"id": NEW + new_id(), "name": name, "runIf": "success", "approval": None, "steps": []}


def _new_step(kind: str, name: str) -> Part:
    return {
        "id": NEW + new_id(),
        "name": name,
        "type": kind,
        "configuration": deepcopy(dict(CONFIGURATIONS[kind])),
        "timeoutSeconds": 3600,
        "retries": 0,
        "queue": "default",
    }

"""What can be done to a draft of a definition: pure functions from one draft to the next.

A draft is a definition as a PUT takes it, but it may be wrong anywhere: what was typed stays as it
was typed. Each of its stages and steps has an `id`; those that no revision has yet begin with NEW.
The order of the stages is that of the list.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from domain.models.base import new_id

Draft = dict[str, Any]
Part = dict[str, Any]

NEW = "new-"
MAKING = "making"
"""Member of a draft: what was typed to make what a step names and is not there, by the step's id.

It is nothing of the definition, but nothing that was typed may be lost.
"""
CONFIGURATIONS: Mapping[str, Part] = {
    "Build": {"ingredientId": "", "buildScript": ""},
    "Test": {"testSuite": "", "releaseIds": []},
    "Deploy": {"target": "", "artifactPath": ""},
}


class NoSuchPartError(LookupError):
    """The draft has no stage or step of that id (any more)."""


def empty(name: str, project_id: str) -> Draft:
    """A workflow of one stage with one step to fill in."""
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
    """The draft as a body of the API: ids that are only ours left out, the stages numbered.

    Numbers that were typed are numbers; what is none stays text, so that a check says so.
    """
    body = {key: value for key, value in deepcopy(draft).items() if key != MAKING}
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
    """A whole definition in the place of the draft's. Parts without an id keep their namesakes'.

    definition: one that was checked, with every default filled in.
    """
    known = {part["name"]: part["id"] for siblings in _lists(draft) for part in siblings}
    adopted = deepcopy(dict(definition))
    adopted["stages"].sort(key=lambda stage: stage["order"])
    taken = {part["id"] for siblings in _lists(adopted) for part in siblings}
    for siblings in _lists(adopted):
        for part in siblings:
            part.pop("order", None)
            kept = known.get(part["name"])
            if not part["id"]:
                part["id"] = kept if kept and kept not in taken else NEW + new_id()
                taken.add(part["id"])
    return {**draft, **adopted}


# ---- finding ---------------------------------------------------------------------------------


def find(draft: Draft, part_id: str) -> tuple[list[Part], int, Part]:
    """A stage or step: the list that it is in, its place there, and itself."""
    for siblings in _lists(draft):
        for place, part in enumerate(siblings):
            if part["id"] == part_id:
                return siblings, place, part
    raise NoSuchPartError(part_id)


def path_of(draft: Draft, part_id: str) -> tuple[str | int, ...]:
    """Where the part is in the body: ("stages", 0, "steps", 1)."""
    for number, stage in enumerate(draft["stages"]):
        if stage["id"] == part_id:
            return ("stages", number)
        for place, step in enumerate(stage["steps"]):
            if step["id"] == part_id:
                return ("stages", number, "steps", place)
    raise NoSuchPartError(part_id)


def stage_of(draft: Draft, part_id: str) -> Part | None:
    """The stage that a step is in; None for what is no step."""
    inside = (s for s in draft["stages"] if any(step["id"] == part_id for step in s["steps"]))
    return next(inside, None)


def _lists(draft: Draft) -> Iterator[list[Part]]:
    yield draft["stages"]
    for stage in draft["stages"]:
        yield stage["steps"]


def _names(draft: Draft) -> set[str]:
    return {part["name"] for siblings in _lists(draft) for part in siblings}


def _free_name(draft: Draft, wanted: str) -> str:
    taken = _names(draft)
    number, name = 2, wanted
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name


# ---- changing --------------------------------------------------------------------------------


def _on_a_copy(change: Callable[..., str]) -> Callable[..., tuple[Draft, str]]:
    """The changed draft, and what the change returns: the id of the part that it is about."""

    def changed(draft: Draft, *arguments: Any) -> tuple[Draft, str]:
        draft = deepcopy(draft)
        return draft, change(draft, *arguments)

    changed.__doc__ = change.__doc__
    return changed


@_on_a_copy
def add_stage(draft: Draft, after: str | None) -> str:
    """A new stage behind another; None: at the end."""
    stage = _new_stage(_free_name(draft, f"Stage {len(draft['stages']) + 1}"))
    place = len(draft["stages"]) if after is None else find(draft, after)[1] + 1
    draft["stages"].insert(place, stage)
    return str(stage["id"])


@_on_a_copy
def add_step(draft: Draft, stage_id: str, kind: str) -> str:
    """A new step at the end of a stage. kind: Build, Test or Deploy."""
    *_, stage = find(draft, stage_id)
    step = _new_step(kind, _free_name(draft, kind.lower()))
    stage["steps"].append(step)
    return str(step["id"])


@_on_a_copy
def copy(draft: Draft, part_id: str) -> str:
    """The same again, behind it, under names that are free."""
    siblings, place, part = find(draft, part_id)
    twin = deepcopy(part)
    for copied in (twin, *twin.get("steps", ())):
        copied["id"] = NEW + new_id()
        copied["name"] = _free_name(draft, copied["name"])
    siblings.insert(place + 1, twin)
    return str(twin["id"])


@_on_a_copy
def remove(draft: Draft, part_id: str) -> str:
    """Take it away. The part that is there instead: its neighbour, else the stage; "" for none."""
    siblings, place, _ = find(draft, part_id)
    stage = stage_of(draft, part_id)
    del siblings[place]
    neighbour = siblings[min(place, len(siblings) - 1)] if siblings else stage
    return neighbour["id"] if neighbour else ""


@_on_a_copy
def move(draft: Draft, part_id: str, way: str) -> str:
    """way: back, on, first or last among its siblings; of a step also left, right: the stages."""
    siblings, place, part = find(draft, part_id)
    if way in ("left", "right"):
        stages = draft["stages"]
        here = next(n for n, stage in enumerate(stages) if stage["steps"] is siblings)
        there = min(max(here + (1 if way == "right" else -1), 0), len(stages) - 1)
        if there != here:
            siblings.remove(part)
            stages[there]["steps"].insert(min(place, len(stages[there]["steps"])), part)
        return part_id
    target = {"back": place - 1, "on": place + 1, "first": 0, "last": len(siblings) - 1}[way]
    siblings.insert(min(max(target, 0), len(siblings) - 1), siblings.pop(place))
    return part_id


@_on_a_copy
def place(draft: Draft, part_id: str, stage_id: str, position: int) -> str:
    """Put a step at a position of a stage, or (stage_id "") a stage at one of the workflow."""
    siblings, before, part = find(draft, part_id)
    goal = find(draft, stage_id)[2]["steps"] if stage_id else draft["stages"]
    is_stage = "steps" in part
    if is_stage != (not stage_id):
        raise NoSuchPartError(stage_id)
    del siblings[before]
    goal.insert(min(max(position, 0), len(goal)), part)
    return part_id


@_on_a_copy
def fill_in(draft: Draft, part_id: str, fields: Mapping[str, Any]) -> str:
    """Set fields of a part, or (part_id "") of the workflow.

    A `configuration` is set member by member, unless the step becomes of another type.
    """
    part = find(draft, part_id)[2] if part_id else draft
    is_same_type = fields.get("type", part.get("type")) == part.get("type")
    known = part.get("configuration", {}) if is_same_type else {}
    part.update(fields)
    if "configuration" in fields:
        part["configuration"] = {**known, **fields["configuration"]}
    return part_id


@_on_a_copy
def note(draft: Draft, part_id: str, typed: Mapping[str, str]) -> str:
    """Keep what was typed to make what the step names; nothing: forget it."""
    kept = {key: value for key, value in draft.pop(MAKING, {}).items() if key != part_id}
    if any(typed.values()):
        kept[part_id] = dict(typed)
    if kept:
        draft[MAKING] = kept
    return part_id


@_on_a_copy
def add_parameter(draft: Draft) -> str:
    draft["parameters"] = [*(draft["parameters"] or ()), {"name": "", "type": "string"}]
    return ""


@_on_a_copy
def remove_parameter(draft: Draft, number: int) -> str:
    """Counted from 0. Without any declared, a run may be given whichever."""
    left = [item for n, item in enumerate(draft["parameters"] or ()) if n != number]
    draft["parameters"] = left or None
    return ""


# ---- new parts -------------------------------------------------------------------------------


def _new_stage(name: str) -> Part:
    return {
        "id": NEW + new_id(),
        "name": name,
        "runIf": "success",
        "approval": None,
        "steps": [],
    }


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

"""What differs between two definitions, told so that a person can read it. Pure.

Stages and steps are told apart by their ids, parameters by their names.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import Any

Definition = Mapping[str, Any]
Part = Mapping[str, Any]

FIELDS = ("name", "description", "concurrency")
PART_FIELDS = ("name", "type", "runIf", "approval", "timeoutSeconds", "retries", "queue")
CONTEXT_LINES = 3


@dataclass(frozen=True)
class Difference:
    kind: str
    """added, removed, moved or changed."""
    where: tuple[str, ...]
    """The names of what it is in: ("Build", "wheel"); empty for the workflow itself."""
    field: str | None = None
    """None: the whole part."""
    before: Any = None
    after: Any = None
    """Values; of a step that moved, the names of its stages."""


def differences(before: Definition, after: Definition) -> list[Difference]:
    """In the order in which the later one is read, what was removed at the end."""
    return [
        *_changed(before, after, (), FIELDS),
        *_of_parameters(before, after),
        *_of_parts(before, after),
    ]


def text_lines(before: str | None, after: str | None) -> list[tuple[str, str]]:
    """(sign, line): "-" was there, "+" is there now, " " is beside it, "@" is left out."""
    lines = unified_diff(
        (before or "").splitlines(), (after or "").splitlines(), lineterm="", n=CONTEXT_LINES
    )
    found = [(line[:1], line[1:]) for line in list(lines)[2:]]
    return [("@", "…") if sign == "@" else (sign, line) for sign, line in found]


def _changed(
    before: Part, after: Part, where: tuple[str, ...], fields: Iterable[str]
) -> Iterator[Difference]:
    for field in fields:
        old, new = before.get(field), after.get(field)
        if old != new:
            yield Difference("changed", where, field, old, new)


def _of_parameters(before: Definition, after: Definition) -> Iterator[Difference]:
    old = {parameter["name"]: parameter for parameter in before.get("parameters") or ()}
    new = {parameter["name"]: parameter for parameter in after.get("parameters") or ()}
    for name, parameter in new.items():
        where = ("Parameters", name)
        if name not in old:
            yield Difference("added", where, None, None, parameter)
        else:
            yield from _changed(old[name], parameter, where, parameter)
    for name, parameter in old.items():
        if name not in new:
            yield Difference("removed", ("Parameters", name), None, parameter, None)


def _of_parts(before: Definition, after: Definition) -> Iterator[Difference]:
    old, new = _parts_of(before), _parts_of(after)
    moved = _moved(before, after)
    for key, (where, part) in new.items():
        if key not in old:
            yield Difference("added", where, None, None, part)
            continue
        was_at, was = old[key]
        if key in moved:
            yield Difference("moved", where, None, _stage(was_at), _stage(where))
        yield from _changed(was, part, where, PART_FIELDS)
        members, old_members = part.get("configuration") or {}, was.get("configuration") or {}
        yield from _changed(old_members, members, where, dict.fromkeys([*old_members, *members]))
    for key, (where, part) in old.items():
        if key not in new:
            yield Difference("removed", where, None, part, None)


def _parts_of(definition: Definition) -> dict[str, tuple[tuple[str, ...], Part]]:
    parts: dict[str, tuple[tuple[str, ...], Part]] = {}
    for stage in definition["stages"]:
        parts[stage["id"]] = (stage["name"],), stage
        for step in stage["steps"]:
            parts[step["id"]] = (stage["name"], step["name"]), step
    return parts


def _stage(where: tuple[str, ...]) -> str | None:
    """Of a step."""
    return where[0] if len(where) > 1 else None


def _moved(before: Definition, after: Definition) -> set[str]:
    """Stages and steps that stand elsewhere, relative to those that stayed."""
    old_stages, new_stages = ([s["id"] for s in side["stages"]] for side in (before, after))
    moved = _out_of_order(old_stages, new_stages)
    was_in = {step["id"]: stage for stage in before["stages"] for step in stage["steps"]}
    for stage in after["stages"]:
        known = [step["id"] for step in stage["steps"] if step["id"] in was_in]
        stayed = [key for key in known if was_in[key]["id"] == stage["id"]]
        moved.update(set(known) - set(stayed))
        if stayed:
            were = [step["id"] for step in was_in[stayed[0]]["steps"]]
            moved |= _out_of_order(were, stayed)
    return moved


def _out_of_order(before: list[str], after: list[str]) -> set[str]:
    common = set(before) & set(after)
    old, new = ([key for key in side if key in common] for side in (before, after))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    in_order = {key for block in blocks for key in new[block.b : block.b + block.size]}
    return set(new) - in_order

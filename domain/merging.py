"""A three-way merge of definitions: what two changed since the revision that both began from. Pure.

Stages and steps are told apart by their ids. Of each field the side that changed it has its way;
where both changed it differently there is a conflict, and so where one removed what the other
changed, or both put parts into another order.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Definition = Mapping[str, Any]
Part = dict[str, Any]
Path = tuple[str, ...]
Order = list[tuple[str, list[str]]]
"""The ids of the stages, each with those of its steps."""

WORKFLOW_FIELDS = ("name", "description", "parameters", "concurrency")
SIDES = ("yours", "base", "theirs")


@dataclass(frozen=True)
class Conflict:
    """Both changed the same. None is a part that a side has not."""

    path: Path
    where: tuple[str, ...]
    """The names of what it is in, for a person."""
    field: str | None
    """None: the whole part."""
    base: Any
    yours: Any
    theirs: Any

    @property
    def key(self) -> str:
        """Names it in a form."""
        return ".".join((*self.path, self.field or "part"))


@dataclass(frozen=True)
class Merged:
    definition: Part
    """With yours in the place of each conflict."""
    conflicts: list[Conflict]
    sides: tuple[Definition, Definition, Definition]
    """What was merged: base, yours, theirs."""


def merge(base: Definition, yours: Definition, theirs: Definition) -> Merged:
    merge = _Merge(base, yours, theirs, {})
    return Merged(merge.definition(), merge.conflicts, (base, yours, theirs))


def settle(merged: Merged, choices: Mapping[str, str]) -> Part:
    """The definition with each conflict as it was chosen: its key → one of SIDES."""
    return _Merge(*merged.sides, choices).definition()


class _Merge:
    def __init__(
        self,
        base: Definition,
        yours: Definition,
        theirs: Definition,
        choices: Mapping[str, str],
    ) -> None:
        self._whole = (base, yours, theirs)
        self._parts = [_parts_of(side) for side in self._whole]
        self._choices = choices
        self.conflicts: list[Conflict] = []

    def definition(self) -> Part:
        fields = {
            name: self._field((), (), name, *(side.get(name) for side in self._whole))
            for name in WORKFLOW_FIELDS
        }
        known = list(dict.fromkeys(key for parts in reversed(self._parts) for key in parts))
        kept = {key: part for key in known if (part := self._part(key)) is not None}
        stages = [
            {**kept[stage], "steps": [kept[step] for step in steps]}
            for stage, steps in self._order(kept)
        ]
        return {**deepcopy(dict(self._whole[1])), **fields, "stages": stages}

    # ---- fields ----

    def _field(
        self,
        path: Path,
        where: tuple[str, ...],
        name: str | None,
        base: Any,
        yours: Any,
        theirs: Any,
    ) -> Any:
        if yours in (theirs, base):
            return deepcopy(theirs)
        if theirs == base:
            return deepcopy(yours)
        conflict = Conflict(path, where, name, base, yours, theirs)
        self.conflicts.append(conflict)
        chosen = dict(zip(SIDES, (yours, base, theirs), strict=True))
        return deepcopy(chosen[self._choices.get(conflict.key, "yours")])

    # ---- parts ----

    def _part(self, key: str) -> Part | None:
        """A stage without its steps, or a step; None if it goes."""
        base, yours, theirs = (parts.get(key) for parts in self._parts)
        found = [part for part in (yours, theirs, base) if part is not None]
        path, where = (key,), (str(found[0].get("name", "")),)
        if base is None and (yours is None or theirs is None):
            return deepcopy(found[0])  # one side has added it
        if yours is None or theirs is None:
            whole: Part | None = self._field(
                path, where, None, *(self._with_steps(n, key) for n in range(3))
            )
            return whole and {name: value for name, value in whole.items() if name != "steps"}
        names = dict.fromkeys(name for part in found for name in part)
        sides = (base or {}, yours, theirs)
        merged = {}
        for name in names:
            values = [side.get(name) for side in sides]
            is_nested = name == "configuration" and yours.get("type") == theirs.get("type")
            merged[name] = (
                self._configuration(path, where, values)
                if is_nested
                else self._field(path, where, name, *values)
            )
        return merged

    def _configuration(self, path: Path, where: tuple[str, ...], values: list[Any]) -> Part:
        sides = [value or {} for value in values]
        names = dict.fromkeys(name for side in sides for name in side)
        return {
            name: self._field((*path, "configuration"), where, name, *(s.get(name) for s in sides))
            for name in names
        }

    def _with_steps(self, side: int, key: str) -> Part | None:
        """A part of a side with all that is in it: who removes a stage removes its steps."""
        for stage in self._whole[side]["stages"]:
            if stage["id"] == key:
                return dict(stage)
        return self._parts[side].get(key)

    # ---- order ----

    def _order(self, kept: Mapping[str, Part]) -> Iterator[tuple[str, list[str]]]:
        base, yours, theirs = (_order_of(side) for side in self._whole)
        common = set.intersection(*(set(parts) for parts in self._parts)) & set(kept)
        plain = [_only(order, common) for order in (base, yours, theirs)]
        if plain[1] in (plain[0], plain[2]):
            first, second = theirs, yours
        elif plain[2] == plain[0]:
            first, second = yours, theirs
        else:
            named = [_names(order, side) for order, side in zip(plain, self._parts, strict=True)]
            chosen = self._field((), (), "order", *named)
            first, second = (theirs, yours) if chosen == named[2] else (yours, theirs)
            if chosen == named[0]:
                first = base
        order = _only(first, set(kept))
        for other in (second, theirs, yours, base):
            order = _joined(order, _only(other, set(kept)), kept)
        return iter(order)


def _parts_of(definition: Definition) -> dict[str, Part]:
    """Every stage (without its steps) and step by its id."""
    parts: dict[str, Part] = {}
    for stage in definition["stages"]:
        parts[stage["id"]] = {name: value for name, value in stage.items() if name != "steps"}
        parts.update((step["id"], step) for step in stage["steps"])
    return parts


def _order_of(definition: Definition) -> Order:
    return [
        (stage["id"], [step["id"] for step in stage["steps"]]) for stage in definition["stages"]
    ]


def _only(order: Order, keys: set[str]) -> Order:
    return [
        (stage, [step for step in steps if step in keys]) for stage, steps in order if stage in keys
    ]


def _names(order: Order, parts: Mapping[str, Part]) -> list[str]:
    return [
        f"{parts[stage]['name']}: {', '.join(str(parts[step]['name']) for step in steps)}"
        for stage, steps in order
    ]


def _joined(order: Order, other: Order, kept: Mapping[str, Part]) -> Order:
    """The order, and those kept parts of the other that it lacks, each behind its neighbour."""
    order = [(stage, list(steps)) for stage, steps in order]
    placed = {key for stage, steps in order for key in (stage, *steps)}
    before: str | None = None
    for stage, steps in other:
        if stage not in placed:
            stages = [key for key, _ in order]
            order.insert(stages.index(before) + 1 if before in stages else 0, (stage, []))
            placed.add(stage)
        mine = next(own for key, own in order if key == stage)
        neighbour: str | None = None
        for step in steps:
            if step not in placed:
                mine.insert(mine.index(neighbour) + 1 if neighbour in mine else len(mine), step)
                placed.add(step)
            neighbour = step
        before = stage
    return order

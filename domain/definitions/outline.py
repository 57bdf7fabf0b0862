"""Outlines of definitions: stages, steps and parameters under stable keys. Pure.

They make two definitions comparable, even where a part has moved.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from domain.definitions.normalize import objects_in
from domain.definitions.source import DEFAULTS

Part = Mapping[str, Any]
Key = tuple[str, str]
"""The kind and the identity of a part: ("steps", <id>), ("parameters", <name>)."""

MISSING: Any = object()
"""The value of a missing field."""
LISTS = ("parameters", "stages", "steps")
HIDDEN = ("id", "order")
"""Fields that mean nothing to a person. The place in the list shows the order."""
NUMBERS = ("concurrency", "timeoutSeconds", "retries")


class Outline:
    """The parts of one definition."""

    def __init__(
        self, definition: Part, like: "Outline | None" = None, beside: "Outline | None" = None
    ) -> None:
        """Index the parts of a definition.

        like: an earlier version. A part without an id is its namesake there.
        beside: another version made from `like`. Parts without an id that both added under one
        name are one part only if they are equal.
        """
        self.definition = definition
        self.parts: dict[Key, Part] = {}
        self.lists: dict[str | Key, list[Key]] = {}
        """The keys under "parameters" and "stages", and of each stage's steps."""
        self.home: dict[Key, Key] = {}
        """Step → its stage."""
        self._like, self._beside = like, beside
        stages = [stage for _, stage in objects_in(definition, "stages")]
        steps = [[step for _, step in objects_in(stage, "steps")] for stage in stages]
        self._given = {("stages", str(stage["id"])) for stage in stages if stage.get("id")}
        self._given |= {("steps", str(s["id"])) for inner in steps for s in inner if s.get("id")}
        parameters = [parameter for _, parameter in objects_in(definition, "parameters")]
        self.lists["parameters"] = [self._add("parameters", part) for part in parameters]
        self.lists["stages"] = [self._add("stages", part) for part in stages]
        for stage, inner in zip(self.lists["stages"], steps, strict=True):
            self.lists[stage] = [self._add("steps", step, stage) for step in inner]

    def _add(self, kind: str, part: Part, stage: Key | None = None) -> Key:
        name, number = str(part.get("name", "")), 1
        has_id = kind != "parameters" and bool(part.get("id"))
        key = (kind, str(part["id"])) if has_id else self._namesake(kind, name)
        while key in self.parts or (not has_id and self._is_of_another(key, part, stage)):
            number += 1
            key = (kind, f"{name} ({number})")
        self.parts[key] = part
        if stage is not None:
            self.home[key] = stage
        return key

    def _namesake(self, kind: str, name: str) -> Key:
        known = self._like.parts.items() if self._like else ()
        same = (key for key, part in known if key[0] == kind and part.get("name") == name)
        return next(same, (kind, name))

    def _is_of_another(self, key: Key, part: Part, stage: Key | None) -> bool:
        if key in self._given:
            return True
        if self._beside is None or key not in self._beside.parts:
            return False
        is_new = self._like is None or key not in self._like.parts
        is_same = same(part, self._beside.parts[key]) and self._beside.home.get(key) == stage
        return is_new and not is_same

    # ---- in words ----------------------------------------------------------------------------

    def name(self, key: Key) -> str:
        return str(self.parts[key].get("name") or "without a name")

    def where(self, key: Key) -> tuple[str, ...]:
        """Return the names that lead to the part: ("Build", "wheel")."""
        if key[0] == "parameters":
            return ("Parameters", self.name(key))
        stage = self.home.get(key)
        return (self.name(stage), self.name(key)) if stage else (self.name(key),)

    def path(self, key: Key) -> tuple[str, ...]:
        """Return the keys that lead to the part, joined."""
        stage = self.home.get(key)
        return (*stage, *key) if stage else key

    def place(self, key: Key) -> str:
        """Return the place among the siblings: "first" or such as "after lint"."""
        siblings = self.lists[self.home.get(key) or key[0]]
        at = siblings.index(key)
        return f"after {self.name(siblings[at - 1])}" if at else "first"


def weave(first: Iterable[Key], *others: Iterable[Key]) -> list[Key]:
    """Return all keys in the order of the first; others follow their neighbor in their list."""
    woven = list(first)
    for other in others:
        theirs, place = list(other), 0
        known, all_theirs = set(woven), set(theirs)
        for key in theirs:
            if key in known:
                place = woven.index(key)
            else:
                while place < len(woven) and woven[place] not in all_theirs:
                    place += 1  # keys that are only in the first list go before this one
                woven.insert(place, key)
            place += 1
    return woven


def same(one: Any, other: Any) -> bool:
    """Compare two JSON values: true is not 1, and 1 is not 1.0."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def meaning(field: str, value: Any) -> Any:
    """Return the value that a save stores. A draft may have numbers as text and omit defaults."""
    if isinstance(value, str) and field in NUMBERS:
        try:
            return int(value)
        except ValueError:
            value = value.strip() or MISSING
    if field == "buildScript" and isinstance(value, str) and not value.strip():
        return None
    return DEFAULTS.get(field) if value is MISSING else value


def shown(field: str, value: Any) -> Any:
    """Return the value for a person: roles instead of an approval; None if missing."""
    if field == "approval" and isinstance(value, Mapping) and value.get("required", True) is True:
        return list(value.get("roles", ()))
    return None if value is MISSING else value


def fields(part: Part) -> dict[tuple[str, ...], Any]:
    """Return the part's own fields by path, including each member of a configuration."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in part.items():
        if name == "configuration" and isinstance(value, Mapping):
            found |= {(name, member): inner for member, inner in value.items()}
        elif name not in (*LISTS, *HIDDEN):
            found[(name,)] = value
    return found


def changed_fields(before: Part, after: Part) -> list[tuple[tuple[str, ...], Any, Any]]:
    """Return path, old and new value of each field whose meaning changed.

    Members of a configuration come last, because scripts are long.
    """
    old, new = fields(before), fields(after)
    paths = sorted({**new, **old}, key=len)
    pairs = [(path, old.get(path, MISSING), new.get(path, MISSING)) for path in paths]
    return [
        (path, one, other)
        for path, one, other in pairs
        if not same(meaning(path[-1], one), meaning(path[-1], other))
    ]

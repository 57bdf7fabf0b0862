"""Three-way merge of definitions: a draft, its base, and the revision saved since. Pure.

A change that only one side made is applied. A field that both sides changed differently is a
conflict, which a person resolves.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from domain.definitions.diff import merge_lines
from domain.definitions.outline import (
    HIDDEN,
    LISTS,
    MISSING,
    Key,
    Outline,
    Part,
    changed_fields,
    meaning,
    same,
    shown,
    weave,
)
from domain.validation.messages import pointer

T = TypeVar("T")
S = TypeVar("S")
Path = tuple[str, ...]
TYPED = ("type", "configuration")
"""Fields of a step that belong together: a configuration only fits its type."""


class Three(NamedTuple, Generic[T]):
    """One thing of each version."""

    base: T
    yours: T
    theirs: T

    def each(self, make: Callable[[T], S]) -> "Three[S]":
        return Three(make(self.base), make(self.yours), make(self.theirs))


@dataclass(frozen=True)
class Conflict:
    path: Path
    """Like that of a `Difference`; for an order, the path of the list."""
    where: tuple[str, ...]
    field: str | None
    """None for the whole part; "stage" and "order" are fields too."""
    base: Any
    yours: Any
    theirs: Any
    """None if missing."""

    @property
    def key(self) -> str:
        """A name that is stable as long as the three versions are."""
        return pointer(self.path)


@dataclass(frozen=True)
class Merged:
    definition: dict[str, Any]
    """It has your side of each conflict."""
    conflicts: list[Conflict]
    versions: Three[Part]


def merge(base: Part, yours: Part, theirs: Part) -> Merged:
    """Merge two versions that were made from `base`."""
    return _merge(Three(base, yours, theirs), {})


def settle(merged: Merged, choices: Mapping[str, str]) -> dict[str, Any]:
    """Return the definition with the chosen sides: conflict key → "yours", "base" or "theirs"."""
    if wrong := set(choices.values()) - set(Three._fields):
        raise ValueError(f"No version is called {wrong.pop()!r}.")
    return _merge(merged.versions, choices).definition


def _merge(versions: Three[Part], choices: Mapping[str, str]) -> Merged:
    run = _Merge(versions, choices)
    definition = deepcopy(run.definition())
    return Merged(definition, deepcopy(run.conflicts), versions)


def _lines(texts: Three[Any]) -> str | None:
    return merge_lines(*texts) if all(isinstance(text, str) for text in texts) else None


class _Merge:
    """A pass over all parts, in reading order."""

    def __init__(self, versions: Three[Part], choices: Mapping[str, str]) -> None:
        base = Outline(versions.base)
        yours = Outline(versions.yours, like=base)
        self.versions = Three(base, yours, Outline(versions.theirs, like=base, beside=yours))
        self.choices = choices
        self.conflicts: list[Conflict] = []
        self.kept: dict[Key, dict[str, Any]] = {}
        self.homes: dict[Key, Key] = {}
        self.orders: dict[str | Key, list[Key]] = {}

    def definition(self) -> dict[str, Any]:
        merged = self.fields(self.versions.each(lambda version: version.definition), (), ())
        self.order("parameters", ("parameters",), ("Parameters",))
        for parameter in self.all("parameters"):
            self.part(parameter)
        self.order("stages", ("stages",), ("Stages",))
        for stage in self.all("stages"):
            self.part(stage)
            version = self.version_of(stage)
            self.order(stage, (*version.path(stage), "steps"), version.where(stage))
            for step in self.all(stage):
                if self.version_of(step).home[step] == stage:
                    self.part(step)
        return merged | self.parameters() | {"stages": self.stages()}

    def all(self, of: str | Key) -> list[Key]:
        return weave(*self.versions.each(lambda version: version.lists.get(of, [])))

    def version_of(self, key: Key) -> Outline:
        """Return the version that names the part."""
        return next(version for version in self.versions if key in version.parts)

    # ---- parts -------------------------------------------------------------------------------

    def part(self, key: Key) -> None:
        yours, theirs = self.versions.yours, self.versions.theirs
        if key in yours.parts and key in theirs.parts:
            self.combine(key)
        elif key in yours.parts:
            self.take_or_remove(key, yours, theirs)
        elif key in theirs.parts:
            self.take_or_remove(key, theirs, yours)

    def combine(self, key: Key) -> None:
        """Merge a part that both sides have."""
        version = self.version_of(key)
        path, where = version.path(key), version.where(key)
        parts = self.versions.each(lambda version: version.parts.get(key, {}))
        self.kept[key] = self.fields(parts, path, where)
        if key[0] == "steps":
            homes = self.versions.each(lambda version: version.home.get(key, MISSING))
            names = self.versions.each(
                lambda version: version.name(version.home[key]) if key in version.home else None
            )
            self.homes[key] = self.pick(homes, (*path, "stage"), where, "stage", names)

    def take_or_remove(self, key: Key, keeper: Outline, other: Outline) -> None:
        """Take or drop a part that only one side has: it was added here, or removed there."""
        base, stage = self.versions.base, keeper.home.get(key)
        if stage in base.parts and stage not in other.parts:
            return  # its stage was removed, which decides
        if key not in base.parts:
            self.take(key, keeper)
        elif self.is_touched(key, keeper, other):
            parts = self.versions.each(lambda version: version.parts.get(key))
            chosen = self.ask(parts, base.path(key), base.where(key), None)
            version = getattr(self.versions, chosen)
            self.take(key, version)
            for step in self.family(key, keeper, other):
                self.take(step, version)

    def take(self, key: Key, version: Outline) -> None:
        if key in version.parts:
            own = version.parts[key].items()
            self.kept[key] = {name: value for name, value in own if name not in LISTS}
            if key in version.home:
                self.homes[key] = version.home[key]

    def is_touched(self, key: Key, keeper: Outline, other: Outline) -> bool:
        """Return whether the keeper changed a part that the other side removed."""
        base = self.versions.base
        if changed_fields(base.parts[key], keeper.parts[key]):
            return True
        if key in keeper.home and keeper.home[key] != base.home[key]:
            return True
        return any(
            base.home.get(step) != key
            or (step not in other.parts and self.is_touched(step, keeper, other))
            for step in keeper.lists.get(key, ())
        )

    def family(self, stage: Key, keeper: Outline, other: Outline) -> Iterator[Key]:
        """Yield the steps that the other side removed together with their stage, or never had."""
        for step in self.all(stage):
            home = keeper.home.get(step) or self.versions.base.home.get(step)
            if step not in other.parts and home == stage:
                yield step

    # ---- fields ------------------------------------------------------------------------------

    def fields(self, parts: Three[Part], path: Path, where: tuple[str, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        names = dict.fromkeys([*parts.yours, *parts.theirs, *parts.base])
        is_step = any("configuration" in part for part in parts)
        if is_step and len({str(part.get("type")) for part in parts}) > 1:
            kinds = parts.each(lambda part: {name: part[name] for name in TYPED if name in part})
            merged = dict(self.pick(kinds, (*path, "type"), where, "type"))
            names = dict.fromkeys(name for name in names if name not in TYPED)
        for name in names:
            values = parts.each(lambda part, name=name: part.get(name, MISSING))  # type: ignore[misc]
            value = MISSING
            if name == "configuration" and all(isinstance(value, Mapping) for value in values):
                value = self.fields(values, (*path, name), where)
            elif name not in LISTS:
                value = self.pick(values, (*path, name), where, name)
            if value is not MISSING:
                merged[name] = value
        return merged

    def pick(
        self,
        values: Three[Any],
        path: Path,
        where: tuple[str, ...],
        field: str,
        words: Three[Any] | None = None,
    ) -> Any:
        """Return the changed value, merged lines or the chosen side. words: values for people."""
        meant = values.each(lambda value: meaning(field, value))
        for base, yours, theirs in (values, meant):
            if same(theirs, base) or same(yours, theirs):
                return values.yours
            if same(yours, base):
                return values.theirs
        if path[-1] in HIDDEN:
            return values.yours
        if field == "buildScript" and (text := _lines(values)) is not None:
            return text
        words = words or values.each(lambda value: shown(field, value))
        return getattr(values, self.ask(words, path, where, field))

    def ask(self, values: Three[Any], path: Path, where: tuple[str, ...], field: str | None) -> str:
        conflict = Conflict(path, where, field, *values)
        self.conflicts.append(conflict)
        return self.choices.get(conflict.key, "yours")

    # ---- lists -------------------------------------------------------------------------------

    def order(self, of: str | Key, path: Path, where: tuple[str, ...]) -> None:
        """Merge the order of common parts; the others follow their neighbors."""
        lists = self.versions.each(lambda version: version.lists.get(of, []))
        in_all = set(lists.base) & set(lists.yours) & set(lists.theirs)
        common = lists.each(lambda keys: [key for key in keys if key in in_all])
        named = zip(self.versions, common, strict=True)
        names = Three(*([version.name(key) for key in keys] for version, keys in named))
        first = self.pick(common, path, where, "order", names)
        self.orders[of] = weave(first, lists.yours, lists.theirs, lists.base)

    def parameters(self) -> dict[str, Any]:
        """Return the member of the definition, if present: null is not an empty list."""
        kept = [self.kept[key] for key in self.orders["parameters"] if key in self.kept]
        given = self.versions.each(lambda v: v.definition.get("parameters", MISSING))
        empty = given.each(lambda value: [] if isinstance(value, list) else value)
        value = kept or self.pick(empty, ("parameters",), (), "parameters")
        return {} if value is MISSING else {"parameters": value}

    def stages(self) -> list[dict[str, Any]]:
        keys = [key for key in self.orders["stages"] if key in self.kept]
        homes = {step: self.home(step, keys) for step in self.homes}
        stages = []
        for key in keys:
            order = weave(self.orders[key], homes)
            steps = [self.kept[step] for step in order if homes.get(step) == key]
            stages.append({**self.kept[key], "steps": steps})
        numbers = [stage["order"] for stage in stages if isinstance(stage.get("order"), int)]
        if numbers != sorted(set(numbers)):
            for number, stage in enumerate(stages, 1):
                stage["order"] = number
        return stages

    def home(self, step: Key, stages: list[Key]) -> Key | None:
        """Return the step's stage; if it was removed, one where another version has the step."""
        base, yours, theirs = (version.home.get(step) for version in self.versions)
        wanted = (self.homes[step], yours, theirs, base, *stages)
        return next((stage for stage in wanted if stage in stages), None)

"""What differs between two definitions, part by part and field by field. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import pairwise
from typing import Any, Literal

from domain.definitions.outline import Key, Outline, Part, changed_fields, shown, weave

CONTEXT = 3
"""How many lines are told around those that differ."""
NO_NEWLINE = "No line break at the end"


@dataclass(frozen=True)
class Difference:
    kind: Literal["added", "removed", "moved", "changed"]
    where: tuple[str, ...]
    """For a person: ("Build", "wheel"); () for the workflow itself."""
    path: tuple[str, ...]
    """("stages", <id>, "steps", <id>, "configuration", "buildScript")."""
    field: str | None
    """None if it is about the whole part."""
    before: Any
    after: Any
    """Values; of a part that moved, words for its place. None for what is not there."""


def differences(before: Part, after: Part) -> list[Difference]:
    """In the order in which a person reads the definition; what was removed, where it was."""
    old = Outline(before)
    new = Outline(after, like=old)
    return list(_told(old, new))


def _told(old: Outline, new: Outline) -> Iterator[Difference]:
    moved = _moved(old, new)
    for path, one, other in changed_fields(old.definition, new.definition):
        yield _changed((), path, one, other)
    if _declares(old) != _declares(new):
        names = [_names(version) if _declares(version) else None for version in (old, new)]
        yield _changed((), ("parameters",), *names)
    for parameter in _all(old, new, "parameters"):
        yield from _of_part(old, new, parameter, moved)
    for stage in _all(old, new, "stages"):
        yield from _of_part(old, new, stage, moved)
        for step in _all(old, new, stage):
            if (new.home.get(step) or old.home[step]) == stage:
                yield from _of_part(old, new, step, moved)


def _of_part(old: Outline, new: Outline, key: Key, moved: set[Key]) -> Iterator[Difference]:
    if key not in old.parts:
        yield Difference("added", new.where(key), new.path(key), None, None, new.parts[key])
        return
    if key not in new.parts:
        yield Difference("removed", old.where(key), old.path(key), None, old.parts[key], None)
        return
    where, path = new.where(key), new.path(key)
    if key in moved:
        yield Difference("moved", where, path, None, *_way(old, new, key))
    for inner, one, other in changed_fields(old.parts[key], new.parts[key]):
        yield _changed(where, (*path, *inner), one, other)


def _way(old: Outline, new: Outline, key: Key) -> tuple[str, str]:
    """From where to where, in words: the stages, or the neighbours in the same one."""
    one, other = old.home.get(key), new.home.get(key)
    if one and other and one != other:
        return old.name(one), new.name(other)
    return old.place(key), new.place(key)


def _changed(where: tuple[str, ...], path: tuple[str, ...], one: Any, other: Any) -> Difference:
    field = path[-1]
    return Difference("changed", where, path, field, shown(field, one), shown(field, other))


def _all(old: Outline, new: Outline, of: str | Key) -> list[Key]:
    return weave(new.lists.get(of, ()), old.lists.get(of, ()))


def _declares(version: Outline) -> bool:
    """Whether it says which parameters there are; else a run takes any."""
    return isinstance(version.definition.get("parameters"), list)


def _names(version: Outline) -> list[str]:
    return [version.name(key) for key in version.lists["parameters"]]


# ---- moves -----------------------------------------------------------------------------------


def _moved(old: Outline, new: Outline) -> set[Key]:
    elsewhere = {step for step, stage in new.home.items() if old.home.get(step, stage) != stage}
    for of, keys in new.lists.items():
        places = {key: place for place, key in enumerate(old.lists.get(of, ()))}
        stayed = [key for key in keys if key in places]
        in_order = _longest_rise([places[key] for key in stayed])
        elsewhere |= {key for key in stayed if places[key] not in in_order}
    return elsewhere


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The most of these different numbers that ascend: what kept its order."""
    ends: list[int] = []
    """The least number with which a rise of each length can end."""
    before: dict[int, int | None] = {}
    for number in numbers:
        length = bisect_left(ends, number)
        before[number] = ends[length - 1] if length else None
        ends[length : length + 1] = [number]
    rise: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        rise.add(last)
        last = before[last]
    return rise


# ---- text ------------------------------------------------------------------------------------


def lines_of(text: str) -> list[str]:
    """With their line breaks. Only LF is one, as for a shell."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def text_lines(before: str | None, after: str | None) -> list[tuple[str, str]]:
    """What differs, line by line: ("+" or "-" or " ", line), with some lines around it.

    ("@", "…") stands before each place of the text, and ("\\", …) behind a last line without a
    break, where only one of the texts ends so.
    """
    old, new = lines_of(before or ""), lines_of(after or "")
    is_told = bool(old and new) and old[-1].endswith("\n") != new[-1].endswith("\n")
    told: list[tuple[str, str]] = []
    for line in list(unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]:
        if line[0] == "@":
            told.append(("@", "…"))
            continue
        told.append((line[0], line[1:].removesuffix("\n")))
        if is_told and not line.endswith("\n"):
            told.append(("\\", NO_NEWLINE))
    return told


def merge_lines(base: str, yours: str, theirs: str) -> str | None:
    """The text with the changes of both; None if lines touch that they changed otherwise."""
    lines = lines_of(base)
    changes = sorted({*_changes(lines, lines_of(yours)), *_changes(lines, lines_of(theirs))})
    if any(later[0] <= earlier[1] for earlier, later in pairwise(changes)):
        return None
    for begin, end, instead in reversed(changes):
        lines[begin:end] = instead
    return "".join(lines)


def _changes(base: list[str], other: list[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """(first line, line behind the last, what stands there now)."""
    for tag, begin, end, start, stop in SequenceMatcher(None, base, other).get_opcodes():
        if tag != "equal":
            yield begin, end, tuple(other[start:stop])

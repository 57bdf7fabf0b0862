"""Differences between two definitions, part by part and field by field. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import pairwise
from typing import Any, Literal

from domain.definitions.outline import Key, Outline, Part, changed_fields, shown, weave

CONTEXT = 3
"""Lines of context around lines that differ."""
NO_NEWLINE = "No line break at the end"


@dataclass(frozen=True)
class Difference:
    kind: Literal["added", "removed", "moved", "changed"]
    where: tuple[str, ...]
    """Names for people: ("Build", "wheel"); () for the workflow itself."""
    path: tuple[str, ...]
    """("stages", <id>, "steps", <id>, "configuration", "buildScript")."""
    field: str | None
    """None for the whole part."""
    before: Any
    after: Any
    """Values; for a moved part, words for its place. None if missing."""


def differences(before: Part, after: Part) -> list[Difference]:
    """Return the differences in reading order; removed parts come where they were."""
    old = Outline(before)
    return list(_differences(old, Outline(after, like=old)))


def _differences(old: Outline, new: Outline) -> Iterator[Difference]:
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
    """Return the old and the new place in words: the stages, or neighbors in the same one."""
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
    """Return whether the version declares parameters; otherwise a run takes any."""
    return isinstance(version.definition.get("parameters"), list)


def _names(version: Outline) -> list[str]:
    return [version.name(key) for key in version.lists["parameters"]]


def _moved(old: Outline, new: Outline) -> set[Key]:
    elsewhere = {step for step, stage in new.home.items() if old.home.get(step, stage) != stage}
    for of, keys in new.lists.items():
        places = {key: place for place, key in enumerate(old.lists.get(of, ()))}
        stayed = [key for key in keys if key in places]
        in_order = _longest_rise([places[key] for key in stayed])
        elsewhere |= {key for key in stayed if places[key] not in in_order}
    return elsewhere


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Return a longest ascending subsequence of distinct numbers: those that kept their order."""
    ends: list[int] = []
    """The lowest last number of an ascending sequence of each length."""
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


def lines_of(text: str) -> list[str]:
    """Split the text into lines with their line breaks. Only LF counts as a line break."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def text_lines(before: str | None, after: str | None) -> list[tuple[str, str]]:
    r"""Return the lines that differ, with context: ("+" or "-" or " ", line).

    ("@", "…") comes before each place of the text. ("\\", …) follows a last line without a line
    break if the other text ends with one.
    """
    old, new = lines_of(before or ""), lines_of(after or "")
    ends_differ = bool(old and new) and old[-1].endswith("\n") != new[-1].endswith("\n")
    lines: list[tuple[str, str]] = []
    for line in list(unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]:
        if line[0] == "@":
            lines.append(("@", "…"))
            continue
        lines.append((line[0], line[1:].removesuffix("\n")))
        if ends_differ and not line.endswith("\n"):
            lines.append(("\\", NO_NEWLINE))
    return lines


def merge_lines(base: str, yours: str, theirs: str) -> str | None:
    """Return the text with the changes of both sides; None if they touch the same lines."""
    lines = lines_of(base)
    changes = sorted({*_changes(lines, lines_of(yours)), *_changes(lines, lines_of(theirs))})
    if any(later[0] <= earlier[1] for earlier, later in pairwise(changes)):
        return None
    for begin, end, instead in reversed(changes):
        lines[begin:end] = instead
    return "".join(lines)


def _changes(base: list[str], other: list[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield each change: (first line, line after the last, the lines there now)."""
    for tag, begin, end, start, stop in SequenceMatcher(None, base, other).get_opcodes():
        if tag != "equal":
            yield begin, end, tuple(other[start:stop])

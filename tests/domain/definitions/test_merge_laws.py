"""What holds of every three-way merge: of any definition, and whatever two people do to it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.definitions.merge import Conflict, merge, settle

Definition = dict[str, Any]
Edit = Callable[[Definition, str], None]
"""Changes a definition in place; what it types, it makes of the given text, which is unique."""
NUMBER = st.integers(0, 20)


def a_step(name: str, has_id: bool = True, kind: str = "Build") -> Definition:
    configuration = {
        "Build": {"ingredientId": "duck", "buildScript": "one\ntwo\nthree\nfour\nfive\n"},
        "Test": {"testSuite": "unit", "releaseIds": []},
    }[kind]
    step = {"id": f"id-{name}"} if has_id else {}
    return {**step, "name": name, "type": kind, "configuration": configuration, "retries": 0}


def a_stage(name: str, steps: list[Definition], has_id: bool = True) -> Definition:
    stage = {"id": f"id-{name}"} if has_id else {}
    return {**stage, "name": name, "runIf": "success", "approval": None, "steps": steps}


@st.composite
def bases(draw: st.DrawFn) -> Definition:
    has_id = draw(st.booleans())
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    stages = []
    for s, size in enumerate(sizes):
        kinds = [draw(st.sampled_from(["Build", "Build", "Test"])) for _ in range(size)]
        steps = [a_step(f"step {s}.{n}", has_id, kind) for n, kind in enumerate(kinds)]
        stages.append(a_stage(f"stage {s}", steps, has_id))
    names = draw(st.none() | st.lists(st.sampled_from("klm"), max_size=3, unique=True))
    parameters = names and [{"name": name, "type": "string", "default": None} for name in names]
    return {
        "name": "Release",
        "description": "",
        "parameters": parameters if names is not None else None,
        "concurrency": 1,
        "stages": stages,
    }


# ---- edits: each takes numbers and finds itself something to change ------------------------


def chosen(items: list[Any], number: int) -> Any:
    return items[number % len(items)] if items else None


def all_steps(definition: Definition) -> list[tuple[list[Definition], Definition]]:
    return [(stage["steps"], step) for stage in definition["stages"] for step in stage["steps"]]


def set_workflow_field(n: int, _: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        definition[chosen(["name", "description", "concurrency"], n)] = text

    return edit


def set_stage_field(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        if stage := chosen(definition["stages"], n):
            field = chosen(["runIf", "approval", "note"], m)
            is_approval = field == "approval"
            stage[field] = {"required": True, "roles": [text]} if is_approval else text

    return edit


def set_step_field(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        if found := chosen(all_steps(definition), n):
            step = found[1]
            inner = chosen(["retries", "queue", *step["configuration"]], m)
            (step["configuration"] if inner in step["configuration"] else step)[inner] = text

    return edit


def rename_step(n: int, _: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        found = chosen(all_steps(definition), n)
        if found and "id" in found[1]:
            found[1]["name"] = text

    return edit


def set_line(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        found = chosen([s for _, s in all_steps(definition) if s["type"] == "Build"], n)
        if found:
            lines = found["configuration"]["buildScript"].splitlines(keepends=True)
            at = m % (len(lines) + 1)
            lines[at : at + m % 2] = [f"{text}\n"]
            found["configuration"]["buildScript"] = "".join(lines)

    return edit


def set_type(n: int, _: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        if found := chosen(all_steps(definition), n):
            found[1]["type"] = "Deploy"
            found[1]["configuration"] = {"target": text}

    return edit


def set_parameter(n: int, _: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        if parameter := chosen(definition["parameters"], n):
            parameter["default"] = text

    return edit


def add_parameter(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        listed = list(definition["parameters"] or ())
        named = "fresh" if m % 2 else text
        listed.insert(n % (len(listed) + 1), {"name": named, "type": "string", "default": text})
        definition["parameters"] = listed

    return edit


def remove_parameter(n: int, m: int) -> Edit:
    def edit(definition: Definition, _: str) -> None:
        if definition["parameters"]:
            definition["parameters"].pop(n % len(definition["parameters"]))
            if not definition["parameters"] and m % 2:
                definition["parameters"] = None

    return edit


def add_step(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        if stage := chosen(definition["stages"], n):
            has_id = "id" in stage
            stage["steps"].insert(m % (len(stage["steps"]) + 1), a_step(text, has_id))

    return edit


def add_stage(n: int, m: int) -> Edit:
    def edit(definition: Definition, text: str) -> None:
        has_id = all("id" in stage for stage in definition["stages"])
        stage = a_stage(text, [a_step(f"{text} in it", has_id)] * (m % 2), has_id)
        definition["stages"].insert(n % (len(definition["stages"]) + 1), stage)

    return edit


def remove_stage(n: int, _: int) -> Edit:
    def edit(definition: Definition, _: str) -> None:
        if definition["stages"]:
            definition["stages"].pop(n % len(definition["stages"]))

    return edit


def remove_step(n: int, _: int) -> Edit:
    def edit(definition: Definition, _: str) -> None:
        if found := chosen(all_steps(definition), n):
            siblings, step = found
            siblings[:] = [other for other in siblings if other is not step]

    return edit


def move_step(n: int, m: int) -> Edit:
    def edit(definition: Definition, _: str) -> None:
        if found := chosen(all_steps(definition), n):
            siblings, step = found
            siblings[:] = [other for other in siblings if other is not step]
            goal = definition["stages"][m % len(definition["stages"])]["steps"]
            goal.insert(m // 3 % (len(goal) + 1), step)

    return edit


def move_stage(n: int, m: int) -> Edit:
    def edit(definition: Definition, _: str) -> None:
        stages = definition["stages"]
        if stages:
            stage = stages.pop(n % len(stages))
            stages.insert(m % (len(stages) + 1), stage)

    return edit


KINDS = [
    *(set_workflow_field, set_stage_field, set_step_field, rename_step, set_line, set_type),
    *(set_parameter, add_parameter, remove_parameter, add_step, add_stage, remove_stage),
    *(remove_step, move_step, move_stage),
]
EDITS = st.lists(
    st.builds(lambda kind, n, m: kind(n, m), st.sampled_from(KINDS), NUMBER, NUMBER), max_size=8
)


def edited(base: Definition, edits: list[Edit], whose: str) -> tuple[Definition, list[str]]:
    """The changed definition, and which of the typed texts are in it."""
    definition, typed = deepcopy(base), [f"<{whose} {n}>" for n in range(len(edits))]
    for edit, text in zip(edits, typed, strict=True):
        edit(definition, text)
    return definition, [text for text in typed if text in repr(definition)]


THREE = st.tuples(bases(), EDITS, EDITS)


# ---- laws ------------------------------------------------------------------------------------


@given(bases(), EDITS)
def test_with_no_change_on_one_side_it_is_the_other(base: Definition, edits: list[Edit]) -> None:
    changed, _ = edited(base, edits, "a")
    for merged in (merge(base, changed, base), merge(base, base, changed)):
        assert (merged.definition, merged.conflicts) == (changed, [])


@given(bases(), EDITS)
def test_the_same_changes_on_both_sides_are_no_conflict(
    base: Definition, edits: list[Edit]
) -> None:
    changed, _ = edited(base, edits, "a")
    merged = merge(base, changed, deepcopy(changed))
    assert (merged.definition, merged.conflicts) == (changed, [])


@given(THREE)
def test_sides_can_be_swapped(three: tuple[Definition, list[Edit], list[Edit]]) -> None:
    base, a, b = three[0], edited(three[0], three[1], "a")[0], edited(three[0], three[2], "b")[0]
    there, back = merge(base, a, b), merge(base, b, a)
    assert [swapped(conflict) for conflict in back.conflicts] == there.conflicts
    theirs = settle(there, {conflict.key: "theirs" for conflict in there.conflicts})
    assert parts_of(theirs) == parts_of(back.definition)


@given(THREE)
def test_nothing_that_was_typed_is_lost(three: tuple[Definition, list[Edit], list[Edit]]) -> None:
    base = three[0]
    (yours, mine), (theirs, others) = edited(base, three[1], "a"), edited(base, three[2], "b")
    before = deepcopy((base, yours, theirs))
    merged = merge(base, yours, theirs)
    everywhere = repr(merged.definition) + repr(merged.conflicts)
    assert [text for text in (*mine, *others) if text not in everywhere] == []
    in_yours = repr(settle(merged, {c.key: "yours" for c in merged.conflicts}))
    assert [text for text in mine if text not in in_yours] == []
    in_theirs = repr(settle(merged, {c.key: "theirs" for c in merged.conflicts}))
    assert [text for text in others if text not in in_theirs] == []
    assert (base, yours, theirs) == before


@given(THREE)
def test_a_conflict_is_real_and_listed_once(
    three: tuple[Definition, list[Edit], list[Edit]],
) -> None:
    base = three[0]
    yours, theirs = edited(base, three[1], "a")[0], edited(base, three[2], "b")[0]
    conflicts = merge(base, yours, theirs).conflicts
    assert len({conflict.key for conflict in conflicts}) == len(conflicts)
    for conflict in conflicts:
        assert conflict.yours != conflict.theirs
        if conflict.field:  # a part that one removed and the other only moved is as it was
            assert conflict.base not in (conflict.yours, conflict.theirs)
    whole = [c.yours or c.theirs for c in conflicts if c.path[0] == "stages" and not c.field]
    parts = [repr_of(part) for stage in whole if "steps" in stage for part in stage["steps"]]
    alone = [repr_of(part) for part in whole if "steps" not in part]
    assert not set(alone) & set(parts)


@given(THREE, st.lists(st.sampled_from(["yours", "base", "theirs"]), min_size=20, max_size=20))
def test_no_choice_duplicates_or_invents_a_part(
    three: tuple[Definition, list[Edit], list[Edit]], picks: list[str]
) -> None:
    base = three[0]
    yours, theirs = edited(base, three[1], "a")[0], edited(base, three[2], "b")[0]
    merged = merge(base, yours, theirs)
    choices = {c.key: pick for c, pick in zip(merged.conflicts, picks, strict=False)}
    found = [repr_of(part) for part in parts_in(settle(merged, choices))]
    ids = [part for part in found if part.startswith("id-")]
    assert len(set(ids)) == len(ids)
    known = {repr_of(part) for side in (base, yours, theirs) for part in parts_in(side)}
    assert set(found) <= known


def swapped(conflict: Conflict) -> Conflict:
    return Conflict(
        conflict.path,
        conflict.where,
        conflict.field,
        conflict.base,
        conflict.theirs,
        conflict.yours,
    )


def parts_in(definition: Definition) -> Iterator[Definition]:
    for stage in definition["stages"]:
        yield stage
        yield from stage["steps"]


def repr_of(part: Definition) -> str:
    return str(part.get("id") or part["name"])


def parts_of(definition: Definition) -> Any:
    """All that it says but the order of its parts."""

    def told(part: Definition) -> list[tuple[str, str]]:
        return sorted((name, repr(value)) for name, value in part.items() if name != "steps")

    stages = [
        (repr_of(stage), told(stage), sorted((repr_of(s), told(s)) for s in stage["steps"]))
        for stage in definition["stages"]
    ]
    own = {k: v for k, v in definition.items() if k not in ("stages", "parameters")}
    return own, sorted(map(repr, definition["parameters"] or ())), sorted(stages)

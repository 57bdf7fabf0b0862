"""What two changed at once: kept of both where it does not overlap, else asked about."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import edits
from domain.merging import merge, settle
from tests.domain.test_edits import draft, shape


def after(*changes) -> edits.Draft:
    """The draft after some edits: (function, arguments…)."""
    changed = draft()
    for function, *arguments in changes:
        changed, _ = function(changed, *arguments)
    return changed


def filled(part: str, **fields) -> tuple:
    return (edits.fill_in, part, fields)


def script(part: str, text: str) -> tuple:
    return filled(part, configuration={"buildScript": text})


def script_of(definition: edits.Draft, part: str) -> str:
    return edits.find(definition, part)[2]["configuration"]["buildScript"]


def test_fields_that_only_one_changed_are_as_that_one_has_them() -> None:
    yours = after(script("a1", "mine"), filled("", description="x"))
    theirs = after(script("b1", "others"), filled("A", runIf="always"), filled("a1", queue="gpu"))
    merged = merge(draft(), yours, theirs)
    assert merged.conflicts == []
    found = merged.definition
    assert (script_of(found, "a1"), script_of(found, "b1")) == ("mine", "others")
    assert edits.find(found, "a1")[2]["queue"] == "gpu"
    assert (found["description"], found["stages"][0]["runIf"]) == ("x", "always")


def test_a_field_that_both_changed_is_asked_about() -> None:
    yours, theirs = after(script("a1", "mine")), after(script("a1", "others"))
    merged = merge(draft(), yours, theirs)
    (conflict,) = merged.conflicts
    assert (conflict.where, conflict.field) == (("a1",), "buildScript")
    assert (conflict.yours, conflict.base, conflict.theirs) == ("mine", "true", "others")
    assert script_of(merged.definition, "a1") == "mine"
    for side, text in (("yours", "mine"), ("base", "true"), ("theirs", "others")):
        assert script_of(settle(merged, {conflict.key: side}), "a1") == text


def test_the_same_change_on_both_sides_is_none() -> None:
    same = after(script("a1", "mine"), (edits.move, "a1", "right"))
    merged = merge(draft(), same, deepcopy(same))
    assert (merged.definition, merged.conflicts) == (same, [])


def test_what_one_removes_and_the_other_left_alone_goes() -> None:
    merged = merge(draft(), after((edits.remove, "a2")), after(script("a1", "x")))
    assert (shape(merged.definition), merged.conflicts) == ({"A": ["a1", "a3"], "B": ["b1"]}, [])


@pytest.mark.parametrize(
    ("side", "left"), [("yours", ["a1", "a3"]), ("theirs", ["a1", "a2", "a3"])]
)
def test_what_one_removes_and_the_other_changes_is_asked_about(side: str, left: list[str]) -> None:
    merged = merge(draft(), after((edits.remove, "a2")), after(script("a2", "x")))
    (conflict,) = merged.conflicts
    assert (conflict.field, conflict.yours) == (None, None)
    assert shape(settle(merged, {conflict.key: side}))["A"] == left


def test_a_stage_that_one_removes_while_the_other_works_in_it_is_asked_about() -> None:
    merged = merge(draft(), after((edits.remove, "B")), after(filled("B", name="C")))
    (conflict,) = merged.conflicts
    assert "C" in shape(settle(merged, {conflict.key: "theirs"}))
    assert list(shape(settle(merged, {conflict.key: "yours"}))) == ["A"]


def test_what_both_add_is_there_in_its_place() -> None:
    yours = after((edits.copy, "a1"))
    theirs = after((edits.add_step, "B", "Test"), (edits.add_stage, "A"))
    merged = merge(draft(), yours, theirs)
    assert merged.conflicts == []
    assert shape(merged.definition) == {
        "A": ["a1", "a1 2", "a2", "a3"],
        "Stage 3": [],
        "B": ["b1", "test"],
    }


def test_a_step_that_one_moves_and_the_other_changes_is_both() -> None:
    merged = merge(draft(), after((edits.move, "a1", "right")), after(script("a1", "x")))
    assert merged.conflicts == []
    assert shape(merged.definition) == {"A": ["a2", "a3"], "B": ["a1", "b1"]}
    assert script_of(merged.definition, "a1") == "x"


@pytest.mark.parametrize(
    ("side", "left"), [("yours", ["a2", "a1", "a3"]), ("theirs", ["a1", "a3", "a2"])]
)
def test_two_orders_are_asked_about(side: str, left: list[str]) -> None:
    yours, theirs = after((edits.move, "a1", "on")), after((edits.move, "a2", "on"))
    merged = merge(draft(), yours, theirs)
    (conflict,) = merged.conflicts
    assert conflict.field == "order"
    assert shape(settle(merged, {conflict.key: side}))["A"] == left


STEPS = st.sampled_from(["a1", "a2", "a3", "b1"])
EDITS = st.one_of(
    st.tuples(st.just(edits.move), STEPS, st.sampled_from(["back", "on", "left", "right"])),
    st.tuples(st.just(edits.remove), STEPS),
    st.tuples(st.just(edits.add_step), st.sampled_from(["A", "B"]), st.just("Test")),
    st.builds(script, STEPS, st.sampled_from(["x", "y"])),
    st.builds(lambda part, name: filled(part, name=name), STEPS, st.sampled_from(["p", "q"])),
)


def changed_by(changes) -> edits.Draft:
    changed = draft()
    for function, *arguments in changes:
        try:
            changed, _ = function(changed, *arguments)
        except edits.NoSuchPartError:
            continue  # it was removed before
    return changed


SOME = st.lists(EDITS, max_size=4).map(changed_by)


@given(SOME)
def test_what_only_one_changed_is_as_that_one_left_it(side: edits.Draft) -> None:
    for yours, theirs in ((side, draft()), (draft(), side), (side, deepcopy(side))):
        merged = merge(draft(), yours, theirs)
        assert (merged.definition["stages"], merged.conflicts) == (side["stages"], [])


@given(SOME, SOME)
def test_whatever_two_do_nothing_of_it_is_lost(yours: edits.Draft, theirs: edits.Draft) -> None:
    merged, swapped = merge(draft(), yours, theirs), merge(draft(), theirs, yours)
    assert {(c.key, repr(c.yours), repr(c.theirs)) for c in merged.conflicts} == {
        (c.key, repr(c.theirs), repr(c.yours)) for c in swapped.conflicts
    }
    told = repr([(c.yours, c.theirs) for c in merged.conflicts]) + repr(merged.definition)
    for side in (yours, theirs):
        for stage in side["stages"]:
            for step in stage["steps"]:
                if step["configuration"].get("buildScript") in ("x", "y"):
                    assert step["configuration"]["buildScript"] in told
    keys = [step["id"] for stage in merged.definition["stages"] for step in stage["steps"]]
    assert len(keys) == len(set(keys))
    added = {s["id"] for side in (yours, theirs) for g in side["stages"] for s in g["steps"]}
    assert {key for key in added if key.startswith(edits.NEW)} <= set(keys)

"""What two changed at once: kept of both where it does not overlap, else asked about."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.definitions.merge import merge, settle
from domain.editor import operations
from tests.domain.editor.test_operations import draft, shape


def after(*changes) -> operations.Draft:
    """The draft after some edits: (function, arguments…)."""
    changed = draft()
    for function, *arguments in changes:
        changed, _ = function(changed, *arguments)
    return changed


def filled(part: str, **fields) -> tuple:
    return (operations.fill_in, part, fields)


def script(part: str, text: str) -> tuple:
    return filled(part, configuration={"buildScript": text})


def script_of(definition: operations.Draft, part: str) -> str:
    return operations.find(definition, part)[2]["configuration"]["buildScript"]


def test_fields_that_only_one_changed_are_as_that_one_has_them() -> None:
    yours = after(script("a1", "mine"), filled("", description="x"))
    theirs = after(script("b1", "others"), filled("A", runIf="always"), filled("a1", queue="gpu"))
    merged = merge(draft(), yours, theirs)
    assert merged.conflicts == []
    found = merged.definition
    assert (script_of(found, "a1"), script_of(found, "b1")) == ("mine", "others")
    assert operations.find(found, "a1")[2]["queue"] == "gpu"
    assert (found["description"], found["stages"][0]["runIf"]) == ("x", "always")


def test_a_field_that_both_changed_is_asked_about() -> None:
    yours, theirs = after(script("a1", "mine")), after(script("a1", "others"))
    merged = merge(draft(), yours, theirs)
    (conflict,) = merged.conflicts
    assert (conflict.where, conflict.field) == (("A", "a1"), "buildScript")
    assert (conflict.yours, conflict.base, conflict.theirs) == ("mine", "true", "others")
    assert script_of(merged.definition, "a1") == "mine"
    for side, text in (("yours", "mine"), ("base", "true"), ("theirs", "others")):
        assert script_of(settle(merged, {conflict.key: side}), "a1") == text


def test_the_same_change_on_both_sides_is_none() -> None:
    same = after(script("a1", "mine"), (operations.move, "a1", "right"))
    merged = merge(draft(), same, deepcopy(same))
    assert (merged.definition, merged.conflicts) == (same, [])


def test_a_part_that_one_side_removes_is_removed() -> None:
    merged = merge(draft(), after((operations.remove, "a2")), after(script("a1", "x")))
    assert (shape(merged.definition), merged.conflicts) == ({"A": ["a1", "a3"], "B": ["b1"]}, [])


@pytest.mark.parametrize(
    ("side", "left"), [("yours", ["a1", "a3"]), ("theirs", ["a1", "a2", "a3"])]
)
def test_removing_a_changed_part_is_a_conflict(side: str, left: list[str]) -> None:
    merged = merge(draft(), after((operations.remove, "a2")), after(script("a2", "x")))
    (conflict,) = merged.conflicts
    assert (conflict.field, conflict.yours) == (None, None)
    assert shape(settle(merged, {conflict.key: side}))["A"] == left


def test_a_stage_that_one_removes_while_the_other_works_in_it_is_asked_about() -> None:
    merged = merge(draft(), after((operations.remove, "B")), after(filled("B", name="C")))
    (conflict,) = merged.conflicts
    assert "C" in shape(settle(merged, {conflict.key: "theirs"}))
    assert list(shape(settle(merged, {conflict.key: "yours"}))) == ["A"]


def test_additions_of_both_sides_keep_their_places() -> None:
    yours = after((operations.copy, "a1"))
    theirs = after((operations.add_step, "B", "Test"), (operations.add_stage, "A"))
    merged = merge(draft(), yours, theirs)
    assert merged.conflicts == []
    assert shape(merged.definition) == {
        "A": ["a1", "a1 2", "a2", "a3"],
        "Stage 3": [],
        "B": ["b1", "test"],
    }


def test_a_step_that_one_moves_and_the_other_changes_is_both() -> None:
    merged = merge(draft(), after((operations.move, "a1", "right")), after(script("a1", "x")))
    assert merged.conflicts == []
    assert shape(merged.definition) == {"A": ["a2", "a3"], "B": ["a1", "b1"]}
    assert script_of(merged.definition, "a1") == "x"


@pytest.mark.parametrize(
    ("side", "left"), [("yours", ["a2", "a1", "a3"]), ("theirs", ["a1", "a3", "a2"])]
)
def test_two_orders_are_asked_about(side: str, left: list[str]) -> None:
    yours, theirs = after((operations.move, "a1", "on")), after((operations.move, "a2", "on"))
    merged = merge(draft(), yours, theirs)
    (conflict,) = merged.conflicts
    assert conflict.field == "order"
    assert shape(settle(merged, {conflict.key: side}))["A"] == left


def test_a_script_is_merged_by_lines_that_do_not_touch() -> None:
    base = after(script("a1", "one\ntwo\nthree\nfour\n"))
    yours, _ = operations.fill_in(base, *script("a1", "ONE\ntwo\nthree\nfour\n")[1:])
    theirs, _ = operations.fill_in(base, *script("a1", "one\ntwo\nthree\nfour\nfive\n")[1:])
    merged = merge(base, yours, theirs)
    assert merged.conflicts == []
    assert script_of(merged.definition, "a1") == "ONE\ntwo\nthree\nfour\nfive\n"
    touching, _ = operations.fill_in(base, *script("a1", "one\nTWO\nthree\nfour\n")[1:])
    (conflict,) = merge(base, yours, touching).conflicts
    assert conflict.path == ("stages", "A", "steps", "a1", "configuration", "buildScript")
    both = after(script("a1", "ONE\ntwo\nthree\nfour\nfive\n"))
    assert script_of(merge(base, yours, both).definition, "a1") == script_of(both, "a1")


def test_a_step_that_one_adds_to_a_stage_that_the_other_removes_is_asked_about_once() -> None:
    theirs, step = operations.add_step(after(script("b1", "x")), "B", "Test")
    merged = merge(draft(), after((operations.remove, "B")), theirs)
    (conflict,) = merged.conflicts
    assert (conflict.path, conflict.field, conflict.yours) == (("stages", "B"), None, None)
    assert [inner["id"] for inner in conflict.theirs["steps"]] == ["b1", step]
    for side, left in (("yours", ["A"]), ("base", ["A", "B"]), ("theirs", ["A", "B"])):
        assert list(shape(settle(merged, {conflict.key: side}))) == left
    assert shape(settle(merged, {conflict.key: "base"}))["B"] == ["b1"]
    assert shape(settle(merged, {conflict.key: "theirs"}))["B"] == ["b1", "test"]


def test_moving_a_step_to_a_removed_stage_is_a_conflict() -> None:
    yours = after((operations.remove, "a2"), (operations.remove, "B"))
    merged = merge(draft(), yours, after((operations.place, "a2", "B", 1)))
    (conflict,) = merged.conflicts
    assert conflict.path == ("stages", "B")
    theirs = settle(merged, {conflict.key: "theirs"})
    assert shape(theirs) == {"A": ["a1", "a3"], "B": ["b1", "a2"]}


def test_a_step_that_one_removes_and_the_other_moves_is_asked_about() -> None:
    merged = merge(
        draft(), after((operations.remove, "a2")), after((operations.place, "a2", "B", 0))
    )
    (conflict,) = merged.conflicts
    assert (conflict.field, conflict.yours) == (None, None)
    theirs = settle(merged, {conflict.key: "theirs"})
    assert shape(theirs) == {"A": ["a1", "a3"], "B": ["a2", "b1"]}


def test_a_step_that_only_changed_in_a_stage_that_the_other_removes_is_asked_about() -> None:
    merged = merge(draft(), after((operations.remove, "B")), after(script("b1", "x")))
    (conflict,) = merged.conflicts
    assert (conflict.path, conflict.field) == (("stages", "B"), None)
    assert script_of(settle(merged, {conflict.key: "theirs"}), "b1") == "x"


def test_a_step_moved_to_a_stage_that_is_removed_in_the_end_stays_where_the_other_has_it() -> None:
    yours = after((operations.place, "a1", "B", 0), script("a1", "x"))
    merged = merge(draft(), yours, after((operations.remove, "B")))
    (conflict,) = merged.conflicts
    settled = settle(merged, {conflict.key: "theirs"})
    assert shape(settled) == {"A": ["a1", "a2", "a3"]}
    assert script_of(settled, "a1") == "x"


def test_a_merge_shares_no_objects_with_its_input() -> None:
    yours = after(script("a1", "x"))
    merged = merge(draft(), yours, draft())
    merged.definition["stages"][0]["steps"][0]["configuration"]["buildScript"] = "y"
    assert script_of(yours, "a1") == "x"


def test_two_new_orders_of_a_stage_are_numbers_and_no_conflict() -> None:
    base = operations.fill_in(draft(), "A", {"order": 1})[0]
    yours, theirs = (operations.fill_in(base, "A", {"order": order})[0] for order in (2, 3))
    assert merge(base, yours, theirs).conflicts == []


def test_a_part_without_an_id_is_merged_with_its_namesake() -> None:
    base = draft()
    base["stages"][0]["steps"][0]["id"] = "kept"
    yours, _ = operations.fill_in(base, *script("kept", "x")[1:])
    del yours["stages"][0]["steps"][0]["id"]
    merged = merge(base, yours, operations.fill_in(base, "kept", {"queue": "gpu"})[0])
    step = merged.definition["stages"][0]["steps"][0]
    assert (step["queue"], step["configuration"]["buildScript"]) == ("gpu", "x")
    assert shape(merged.definition) == shape(draft())


def test_equal_names_in_two_stages_are_two_steps() -> None:
    sides = []
    for stage in ("A", "B"):
        side, step = operations.add_step(draft(), stage, "Test")
        del operations.find(side, step)[2]["id"]
        sides.append(side)
    merged = merge(draft(), *sides)
    assert shape(merged.definition) == {"A": ["a1", "a2", "a3", "test"], "B": ["b1", "test"]}


def test_only_a_version_can_be_chosen() -> None:
    merged = merge(draft(), after(script("a1", "x")), after(script("a1", "y")))
    with pytest.raises(ValueError, match="ours"):
        settle(merged, {merged.conflicts[0].key: "ours"})


def test_a_step_keeps_its_changes_when_it_leaves_a_removed_stage() -> None:
    yours = after((operations.move, "b1", "left"), (operations.remove, "B"))
    merged = merge(draft(), yours, after(script("b1", "x")))
    assert (shape(merged.definition), merged.conflicts) == (
        {"A": ["b1", "a1", "a2", "a3"]},
        [],
    )
    assert script_of(merged.definition, "b1") == "x"


def test_a_step_that_both_move_to_another_stage_is_asked_about() -> None:
    base, _ = operations.add_stage(draft(), None)
    third = base["stages"][2]["id"]
    yours, _ = operations.place(base, "a1", "B", 0)
    theirs, _ = operations.place(base, "a1", third, 0)
    merged = merge(base, yours, theirs)
    (conflict,) = merged.conflicts
    assert (conflict.field, conflict.base, conflict.yours, conflict.theirs) == (
        "stage",
        "A",
        "B",
        "Stage 3",
    )
    assert shape(settle(merged, {conflict.key: "theirs"}))["Stage 3"] == ["a1"]


def test_another_type_comes_with_its_configuration() -> None:
    deploy = {"type": "Deploy", "configuration": {"target": "nest", "artifactPath": "*"}}
    yours, theirs = after(filled("a1", **deploy)), after(script("a1", "x"), filled("a1", queue="q"))
    merged = merge(draft(), yours, theirs)
    (conflict,) = merged.conflicts
    assert (conflict.field, conflict.theirs["configuration"]["buildScript"]) == ("type", "x")
    step = operations.find(settle(merged, {conflict.key: "theirs"}), "a1")[2]
    assert (step["type"], step["configuration"]["buildScript"], step["queue"]) == (
        "Build",
        "x",
        "q",
    )
    assert (
        operations.find(merge(draft(), yours, draft()).definition, "a1")[2]["configuration"]
        == (deploy["configuration"])
    )


def parameter(name: str, default: str | None = None) -> operations.Part:
    return {"name": name, "type": "string", "default": default}


def declaring(*parameters: operations.Part) -> operations.Draft:
    return {**draft(), "parameters": list(parameters) or None}


def test_parameters_are_merged_by_name() -> None:
    base = declaring(parameter("level"), parameter("gone"))
    yours = declaring(parameter("level", "1"), parameter("gone"), parameter("mine"))
    theirs = declaring(parameter("level", "2"), parameter("others"))
    merged = merge(base, yours, theirs)
    names = [found["name"] for found in merged.definition["parameters"]]
    assert names == ["level", "mine", "others"]
    (conflict,) = merged.conflicts
    assert (conflict.where, conflict.path) == (
        ("Parameters", "level"),
        ("parameters", "level", "default"),
    )
    (removed,) = merge(base, declaring(), theirs).conflicts
    assert (removed.field, removed.yours, removed.theirs["default"]) == (None, None, "2")
    assert merge(base, declaring(), base).definition["parameters"] is None


def test_different_parts_of_one_name_are_both_added() -> None:
    yours, theirs = declaring(parameter("level", "1")), declaring(parameter("level", "2"))
    merged = merge(draft(), yours, theirs)
    assert [found["default"] for found in merged.definition["parameters"]] == ["1", "2"]
    assert merged.conflicts == []


def test_retyped_numbers_and_omitted_defaults_are_no_change() -> None:
    base = {**draft(), "concurrency": 2}
    yours, _ = operations.fill_in({**base, "concurrency": "2"}, "a1", {"timeoutSeconds": "60"})
    del yours["stages"][0]["runIf"], yours["description"]
    theirs, _ = operations.fill_in({**base, "concurrency": 3}, "a1", {"timeoutSeconds": 90})
    merged = merge(base, yours, theirs)
    assert (merged.definition["concurrency"], merged.conflicts) == (3, [])
    assert operations.find(merged.definition, "a1")[2]["timeoutSeconds"] == 90


def test_the_numbers_of_stages_follow_their_order() -> None:
    base = draft()
    for order, stage in enumerate(base["stages"], 1):
        stage["order"] = order
    yours, theirs = (
        operations.move(base, "A", "last")[0],
        operations.fill_in(base, "A", {"order": 2})[0],
    )
    orders = [stage["order"] for stage in merge(base, yours, theirs).definition["stages"]]
    assert orders == [1, 2]


def test_conflicts_are_in_reading_order() -> None:
    def changed(text: str) -> operations.Draft:
        changes = [filled(part, name=text + part) for part in ("b1", "a2", "B", "", "A")]
        return after(*changes, script("a2", text))

    found = [conflict.path for conflict in merge(draft(), changed("x"), changed("y")).conflicts]
    assert [path[-2:] for path in found] == [
        ("name",),
        ("A", "name"),
        ("a2", "name"),
        ("configuration", "buildScript"),
        ("B", "name"),
        ("b1", "name"),
    ]


STEPS = st.sampled_from(["a1", "a2", "a3", "b1"])
EDITS = st.one_of(
    st.tuples(st.just(operations.move), STEPS, st.sampled_from(["back", "on", "left", "right"])),
    st.tuples(st.just(operations.remove), STEPS),
    st.tuples(st.just(operations.add_step), st.sampled_from(["A", "B"]), st.just("Test")),
    st.builds(script, STEPS, st.sampled_from(["x", "y"])),
    st.builds(lambda part, name: filled(part, name=name), STEPS, st.sampled_from(["p", "q"])),
)


def changed_by(changes) -> operations.Draft:
    changed = draft()
    for function, *arguments in changes:
        try:
            changed, _ = function(changed, *arguments)
        except operations.NoSuchPartError:
            continue  # it was removed before
    return changed


SOME = st.lists(EDITS, max_size=4).map(changed_by)


@given(SOME)
def test_changes_of_one_side_are_applied(side: operations.Draft) -> None:
    for yours, theirs in ((side, draft()), (draft(), side), (side, deepcopy(side))):
        merged = merge(draft(), yours, theirs)
        assert (merged.definition["stages"], merged.conflicts) == (side["stages"], [])


@given(SOME, SOME)
def test_no_addition_is_ever_lost(yours: operations.Draft, theirs: operations.Draft) -> None:
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
    assert {key for key in added if key.startswith(operations.NEW)} <= set(keys)

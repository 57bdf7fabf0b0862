"""Identity of parts in two definitions, and their differences."""

from copy import deepcopy

import pytest

from domain.definitions.diff import differences, text_lines
from domain.definitions.outline import weave
from domain.editor import operations
from tests.domain.editor.test_operations import a_stage, draft


def keys(names: str) -> list[tuple[str, str]]:
    return [("steps", name) for name in names]


@pytest.mark.parametrize(
    ("first", "other", "woven"),
    [
        ("ab", "ab", "ab"),
        ("ab", "axb", "axb"),
        ("ab", "xab", "xab"),
        ("amb", "axyb", "amxyb"),
        ("ba", "axb", "bax"),
        ("", "xy", "xy"),
        ("m", "x", "mx"),
    ],
)
def test_other_keys_follow_their_neighbor(first: str, other: str, woven: str) -> None:
    assert weave(keys(first), keys(other)) == keys(woven)


def told(before: operations.Draft, after: operations.Draft) -> list[tuple]:
    return [(d.kind, d.where, d.field, d.before, d.after) for d in differences(before, after)]


def test_a_part_without_an_id_is_its_namesake() -> None:
    after = draft()
    for stage in after["stages"]:
        for part in (stage, *stage["steps"]):
            del part["id"]
    after["stages"][0]["steps"][1]["queue"] = "gpu"
    assert told(draft(), after) == [("changed", ("A", "a2"), "queue", "default", "gpu")]


def test_a_part_that_is_named_as_the_id_of_another_is_not_that() -> None:
    after = draft()
    new = {**after["stages"][0]["steps"][0], "name": "a2"}
    del new["id"]
    after["stages"][0]["steps"][1]["name"] = "lint"
    before = deepcopy(after)
    after["stages"][0]["steps"].insert(0, new)
    assert [(d.kind, d.where) for d in differences(before, after)] == [("added", ("A", "a2"))]


def test_a_part_with_another_name_and_the_same_id_is_the_same() -> None:
    after, _ = operations.fill_in(draft(), "a2", {"name": "lint"})
    assert told(draft(), after) == [("changed", ("A", "lint"), "name", "a2", "lint")]


def test_defaults_and_stage_numbers_are_no_difference() -> None:
    before, after = draft(), draft()
    for number, stage in enumerate(before["stages"], 1):
        stage["order"] = 10 * number
    del after["parameters"], after["stages"][0]["approval"]
    after["stages"][0]["steps"][0]["timeoutSeconds"] = "60"
    assert told(before, after) == []


def test_approvers_are_shown_as_a_list() -> None:
    after, _ = operations.fill_in(
        draft(), "A", {"approval": {"required": True, "roles": ["Admin"]}}
    )
    assert told(draft(), after) == [("changed", ("A",), "approval", None, ["Admin"])]


def test_a_number_is_not_the_same_number_with_a_point_and_true_is_not_one() -> None:
    one = {**draft(), "parameters": [{"name": "n", "default": 1}]}
    for other in (True, 1.0, "1", [1]):
        after = {**draft(), "parameters": [{"name": "n", "default": other}]}
        assert told(one, after) == [("changed", ("Parameters", "n"), "default", 1, other)]


def test_a_changed_list_is_a_difference() -> None:
    one = {**draft(), "parameters": [{"name": "n", "choices": [1]}]}
    after = {**draft(), "parameters": [{"name": "n", "choices": [True]}]}
    assert [d.field for d in differences(one, after)] == ["choices"]


def test_declaring_parameters_is_a_difference() -> None:
    after = {**draft(), "parameters": []}
    assert told(draft(), after) == [("changed", (), "parameters", None, [])]


def test_a_moved_step_shows_its_places_and_its_changes() -> None:
    after, _ = operations.move(draft(), "a3", "first")
    after, _ = operations.fill_in(after, "a3", {"retries": 2})
    assert told(draft(), after) == [
        ("moved", ("A", "a3"), None, "after a2", "first"),
        ("changed", ("A", "a3"), "retries", 0, 2),
    ]


def test_a_part_after_a_new_one_has_not_moved() -> None:
    before = {**draft(), "stages": [a_stage("A", "1", "2", "3", "4")]}
    after = {**draft(), "stages": [a_stage("A", "new", "1", "4", "2", "3")]}
    found = [(d.kind, d.where[-1]) for d in differences(before, after)]
    assert found == [("added", "new"), ("moved", "4")]


def test_each_step_of_a_new_stage_is_a_difference() -> None:
    before = {**draft(), "stages": [a_stage("A", "1", "2")]}
    after = {**draft(), "stages": [a_stage("A", "1"), a_stage("B", "2", "3")]}
    assert [(d.kind, d.where, d.path) for d in differences(before, after)] == [
        ("added", ("B",), ("stages", "B")),
        ("moved", ("B", "2"), ("stages", "B", "steps", "2")),
        ("added", ("B", "3"), ("stages", "B", "steps", "3")),
    ]


def test_a_new_type_shows_each_member_of_its_configuration() -> None:
    after, _ = operations.fill_in(
        draft(), "a1", {"type": "Test", "configuration": {"testSuite": "u"}}
    )
    found = [d.field for d in differences(draft(), after)]
    assert sorted(filter(None, found)) == ["buildScript", "ingredientId", "testSuite", "type"]


def test_lines_far_from_a_change_are_omitted() -> None:
    text = "".join(f"{n}\n" for n in range(20))
    found = text_lines(text, text.replace("2\n", "two\n", 1).replace("18\n", "eighteen\n"))
    assert [line for line in found if line[0] != " "] == [
        *(("@", "…"), ("-", "2"), ("+", "two")),
        *(("@", "…"), ("-", "18"), ("+", "eighteen")),
    ]
    assert (" ", "5") in found
    assert (" ", "6") not in found


def test_a_missing_line_break_at_the_end_is_shown() -> None:
    assert text_lines("a", "a\n") == [
        *(("@", "…"), ("-", "a"), ("\\", "No line break at the end"), ("+", "a")),
    ]
    assert text_lines("a\x0cb\n", "a\x0cc\n") == [("@", "…"), ("-", "a\x0cb"), ("+", "a\x0cc")]

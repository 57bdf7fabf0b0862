"""Differences between two definitions."""

from domain.definitions.diff import differences, text_lines
from domain.editor import operations
from tests.domain.editor.test_operations import draft


def after(*changes) -> operations.Draft:
    changed = draft()
    for function, *arguments in changes:
        changed, _ = function(changed, *arguments)
    return changed


def told(changed: operations.Draft) -> list[tuple]:
    found = differences(draft(), changed)
    return [(d.kind, d.where, d.field, d.before, d.after) for d in found]


def test_two_that_are_the_same_differ_in_nothing():
    assert told(draft()) == []


def test_fields_show_their_old_values():
    changed = after(
        (operations.fill_in, "", {"description": "New."}),
        (operations.fill_in, "a1", {"queue": "gpu", "configuration": {"buildScript": "make"}}),
    )
    assert told(changed) == [
        ("changed", (), "description", "", "New."),
        ("changed", ("A", "a1"), "queue", "default", "gpu"),
        ("changed", ("A", "a1"), "buildScript", "true", "make"),
    ]


def test_parts_come_go_and_move():
    added, _ = operations.add_step(draft(), "B", "Test")
    assert [(d.kind, d.where) for d in differences(draft(), added)] == [("added", ("B", "test"))]
    removed = after((operations.remove, "a2"))
    assert [(d.kind, d.where) for d in differences(draft(), removed)] == [("removed", ("A", "a2"))]
    moved = after((operations.move, "a1", "right"))
    assert told(moved) == [("moved", ("B", "a1"), None, "A", "B")]
    assert [d.kind for d in differences(draft(), after((operations.move, "B", "back")))] == [
        "moved"
    ]


def test_only_the_moved_part_is_shown():
    moved = after((operations.move, "a1", "last"))
    assert [(d.kind, d.where) for d in differences(draft(), moved)] == [("moved", ("A", "a1"))]


def test_parameters_are_compared_by_name():
    one = {"name": "level", "type": "number", "default": 1}
    before = {**draft(), "parameters": [one, {"name": "gone", "type": "string"}]}
    now = {**draft(), "parameters": [{**one, "default": 2}, {"name": "fresh", "type": "string"}]}
    found = [(d.kind, d.where, d.field) for d in differences(before, now)]
    assert found == [
        ("changed", ("Parameters", "level"), "default"),
        ("added", ("Parameters", "fresh"), None),
        ("removed", ("Parameters", "gone"), None),
    ]


def test_scripts_are_compared_line_by_line():
    lines = text_lines("a\nb\nc", "a\nB\nc")
    assert lines == [("@", "…"), (" ", "a"), ("-", "b"), ("+", "B"), (" ", "c")]
    assert text_lines(None, "x") == [("@", "…"), ("+", "x")]

"""Operations on drafts: each one alone, and that none ever loses or duplicates a part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.editor import operations


def draft() -> operations.Draft:
    """Stages A (a1, a2, a3) and B (b1)."""
    return {
        "name": "Release",
        "projectId": "pond",
        "description": "",
        "parameters": None,
        "concurrency": None,
        "stages": [a_stage("A", "a1", "a2", "a3"), a_stage("B", "b1")],
    }


def a_stage(name: str, *steps: str) -> operations.Part:
    return {
        "id": name,
        "name": name,
        "runIf": "success",
        "approval": None,
        "steps": [
            {
                "id": step,
                "name": step,
                "type": "Build",
                "configuration": {"ingredientId": "duck", "buildScript": "true"},
                "timeoutSeconds": 60,
                "retries": 0,
                "queue": "default",
            }
            for step in steps
        ],
    }


def shape(changed: operations.Draft) -> dict[str, list[str]]:
    return {s["name"]: [step["name"] for step in s["steps"]] for s in changed["stages"]}


@pytest.mark.parametrize(
    ("step", "way", "left"),
    [
        ("a2", "back", {"A": ["a2", "a1", "a3"], "B": ["b1"]}),
        ("a1", "back", {"A": ["a1", "a2", "a3"], "B": ["b1"]}),
        ("a2", "on", {"A": ["a1", "a3", "a2"], "B": ["b1"]}),
        ("a3", "first", {"A": ["a3", "a1", "a2"], "B": ["b1"]}),
        ("a1", "last", {"A": ["a2", "a3", "a1"], "B": ["b1"]}),
        ("a1", "right", {"A": ["a2", "a3"], "B": ["a1", "b1"]}),
        ("a3", "right", {"A": ["a1", "a2"], "B": ["b1", "a3"]}),
        ("b1", "left", {"A": ["b1", "a1", "a2", "a3"], "B": []}),
        ("b1", "right", {"A": ["a1", "a2", "a3"], "B": ["b1"]}),
    ],
)
def test_a_step_moves(step: str, way: str, left: dict[str, list[str]]) -> None:
    changed, part = operations.move(draft(), step, way)
    assert (shape(changed), part) == (left, step)


def test_a_stage_moves_with_its_steps() -> None:
    changed, _ = operations.move(draft(), "B", "back")
    assert list(shape(changed)) == ["B", "A"]


def test_a_dragged_part_lands_where_it_was_dropped() -> None:
    changed, _ = operations.place(draft(), "a1", "B", 1)
    assert shape(changed) == {"A": ["a2", "a3"], "B": ["b1", "a1"]}
    changed, _ = operations.place(draft(), "B", "", 0)
    assert list(shape(changed)) == ["B", "A"]
    with pytest.raises(operations.NoSuchPartError):
        operations.place(draft(), "B", "A", 0)


def test_a_copy_has_new_names_and_ids() -> None:
    changed, twin = operations.copy(draft(), "A")
    assert shape(changed) == {
        "A": ["a1", "a2", "a3"],
        "A 2": ["a1 2", "a2 2", "a3 2"],
        "B": ["b1"],
    }
    assert changed["stages"][1]["id"] == twin
    assert twin.startswith(operations.NEW)


def test_deleting_a_part_opens_its_neighbor() -> None:
    assert operations.remove(draft(), "a3")[1] == "a2"
    assert operations.remove(draft(), "a1")[1] == "a2"
    assert operations.remove(draft(), "b1")[1] == "B"
    alone, _ = operations.remove(draft(), "A")
    assert operations.remove(alone, "B")[1] == ""


def test_new_parts_have_unused_names() -> None:
    changed, part = operations.add_step(draft(), "B", "Build")
    changed, _ = operations.add_step(changed, "B", "Build")
    assert shape(changed)["B"] == ["b1", "build", "build 2"]
    assert operations.find(changed, part)[2]["configuration"] == {
        "ingredientId": "",
        "buildScript": "",
    }
    changed, _ = operations.add_stage(changed, "A")
    assert list(shape(changed)) == ["A", "Stage 3", "B"]


def test_operations_do_not_change_their_input() -> None:
    before = draft()
    operations.fill_in(before, "a1", {"name": "x", "configuration": {"buildScript": "y"}})
    operations.copy(before, "A")
    operations.remove(before, "a1")
    assert before == draft()


def test_fields_are_set_in_their_part() -> None:
    changed, _ = operations.fill_in(
        draft(), "a1", {"name": "x", "configuration": {"buildScript": "y"}}
    )
    step = operations.find(changed, "a1")[2]
    assert (step["name"], step["configuration"]) == (
        "x",
        {"ingredientId": "duck", "buildScript": "y"},
    )
    changed, _ = operations.fill_in(changed, "", {"name": "Other"})
    assert changed["name"] == "Other"


def test_a_draft_becomes_a_valid_body() -> None:
    changed, part = operations.add_step(draft(), "B", "Build")
    fields = {"timeoutSeconds": "90", "retries": "2", "configuration": {"ingredientId": "duck"}}
    changed, _ = operations.fill_in(changed, part, fields)
    body = operations.body_of({**changed, "concurrency": "3"})
    assert "id" not in body["stages"][1]["steps"][1]
    for stage in body["stages"]:
        for known in (stage, *stage["steps"]):
            known.pop("id", None)
    parsed = parse(body, NewWorkflow)
    assert [s.order for s in parsed.stages] == [1, 2]
    step = parsed.stages[1].steps[1]
    assert (step.id, step.timeout_seconds, step.retries) == (None, 90, 2)
    assert step.configuration.build_script is None
    assert parsed.concurrency == 3


def test_text_that_is_no_number_stays_text() -> None:
    changed, _ = operations.fill_in(draft(), "a1", {"timeoutSeconds": "soon"})
    assert operations.body_of(changed)["stages"][0]["steps"][0]["timeoutSeconds"] == "soon"


PARTS = ["A", "B", "a1", "a2", "a3", "b1"]
WAYS = ["back", "on", "first", "last", "left", "right"]
MOVES = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(WAYS)), max_size=12)


@given(MOVES)
def test_moves_never_lose_or_duplicate_a_part(moves: list[tuple[str, str]]) -> None:
    changed = draft()
    for part, way in moves:
        if part.isupper() and way in ("left", "right"):
            continue
        changed, _ = operations.move(changed, part, way)
    stages = shape(changed)
    assert sorted(stages) == ["A", "B"]
    assert sorted(step for steps in stages.values() for step in steps) == ["a1", "a2", "a3", "b1"]

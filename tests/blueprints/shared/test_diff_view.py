"""Differences as pages tell them."""

from typing import Any

import pytest

from blueprints.shared.diff_view import difference
from domain.definitions.diff import Difference

LONG = "x" * 100


def told(before: Any, after: Any) -> dict[str, Any]:
    return difference(Difference("changed", ("Parameters", "p"), ("p",), "default", before, after))


def test_a_long_text_is_told_by_its_lines() -> None:
    assert told("short", LONG)["lines"] == [("-", "short"), ("+", LONG)]
    assert told(None, "a\nb")["lines"] is not None


@pytest.mark.parametrize("other", [5, True, 0.5, [1], {"a": 1}])
def test_what_turns_from_something_else_into_a_text_is_told_by_its_values(other: Any) -> None:
    for before, after in ((other, LONG), (LONG, other)):
        found = told(before, after)
        assert (found["before"], found["after"], found["lines"]) == (before, after, None)

"""Differences as pages show them."""

from typing import Any

import pytest

from blueprints.shared.diff_view import difference
from domain.definitions.diff import Difference

LONG = "x" * 100


def told(before: Any, after: Any) -> dict[str, Any]:
    return difference(Difference("changed", ("Parameters", "p"), ("p",), "default", before, after))


def test_a_long_text_is_shown_line_by_line() -> None:
    assert told("short", LONG)["lines"] == [("-", "short"), ("+", LONG)]
    assert told(None, "a\nb")["lines"] is not None


@pytest.mark.parametrize("other", [5, True, 0.5, [1], {"a": 1}])
def test_a_value_that_becomes_text_is_shown_as_a_whole(other: Any) -> None:
    for before, after in ((other, LONG), (LONG, other)):
        found = told(before, after)
        assert (found["before"], found["after"], found["lines"]) == (before, after, None)

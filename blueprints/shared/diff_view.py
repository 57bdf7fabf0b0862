"""Differences for pages: field by field, long texts line by line."""

from itertools import takewhile
from typing import Any

from domain.definitions.diff import CONTEXT, Difference, lines_of, text_lines

LONG = 80
"""The length from which a text is shown line by line."""


def difference(item: Difference) -> dict[str, Any]:
    """Return a difference for the template, with its lines if it is a long text."""
    values = [value for value in (item.before, item.after) if value is not None]
    is_text = (
        item.field is not None
        and all(isinstance(value, str) for value in values)
        and any("\n" in text or len(text) > LONG for text in values)
    )
    return {
        "kind": item.kind,
        "where": " / ".join(item.where) or "Workflow",
        "field": item.field,
        "before": item.before,
        "after": item.after,
        "lines": _lines(item.before or "", item.after or "") if is_text else None,
    }


def _lines(before: str, after: str) -> list[tuple[str, str]]:
    """Return `text_lines` without the first gap sign if no lines were left out."""
    lines = text_lines(before, after)
    pairs = zip(lines_of(before), lines_of(after), strict=False)
    same = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
    return lines if len(same) > CONTEXT else lines[1:]

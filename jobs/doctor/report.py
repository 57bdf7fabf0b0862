"""Findings for a person and for a script."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jobs.doctor.findings import Finding, State
from jobs.doctor.format import many

SHAPES = {State.OK: "✓", State.WARNING: "!", State.FAULT: "✗", State.SKIPPED: "–"}
COLOURS = {State.OK: 32, State.WARNING: 33, State.FAULT: 31, State.SKIPPED: 2}
"""As terminals number them."""

INDENT = " " * 27


def as_lines(finding: Finding) -> str:
    """One line, and where it is not ok another one with the way out."""
    state = finding.state
    sign = f"\x1b[{COLOURS[state]}m{SHAPES[state]} {state:8}\x1b[0m"
    line = f"{sign} {finding.check:15} {finding.found}"
    return f"{line}\n{INDENT}→ {finding.way_out}" if finding.way_out else line


def summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.state for finding in findings)
    return (
        f"{many(range(counts[State.FAULT]), 'fault')}, "
        f"{many(range(counts[State.WARNING]), 'warning')}, {counts[State.SKIPPED]} skipped."
    )


def as_json(findings: Sequence[Finding]) -> str:
    worst: dict[str, Any] = {"ok": not any(f.state is State.FAULT for f in findings)}
    listed = [
        {
            "check": finding.check,
            "state": str(finding.state),
            "found": finding.found,
            "wayOut": finding.way_out or None,
        }
        for finding in findings
    ]
    return json.dumps({**worst, "findings": listed}, indent=2, ensure_ascii=False)

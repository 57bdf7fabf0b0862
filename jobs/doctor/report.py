"""Reports of findings for people and for scripts."""

import json
from collections import Counter
from collections.abc import Sequence

from domain.system.checks import Finding, State
from domain.system.format import many

SIGNS = {State.OK: "✓", State.WARNING: "!", State.FAULT: "✗", State.SKIPPED: "–"}
COLORS = {State.OK: 32, State.WARNING: 33, State.FAULT: 31, State.SKIPPED: 2}
"""ANSI codes."""

INDENT = " " * 27


def as_lines(finding: Finding) -> str:
    """Return the finding in one line, and its remedy in another."""
    state = finding.state
    sign = f"\x1b[{COLORS[state]}m{SIGNS[state]} {state:8}\x1b[0m"
    line = f"{sign} {finding.name:15} {finding.message}"
    return f"{line}\n{INDENT}→ {finding.way_out}" if finding.way_out else line


def summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.state for finding in findings)
    return (
        f"{many(range(counts[State.FAULT]), 'fault')}, "
        f"{many(range(counts[State.WARNING]), 'warning')}, {counts[State.SKIPPED]} skipped."
    )


def as_json(findings: Sequence[Finding]) -> str:
    listed = [
        {
            "check": finding.name,
            "state": finding.state,
            "found": finding.message,
            "wayOut": finding.way_out or None,
        }
        for finding in findings
    ]
    is_ok = not any(finding.state is State.FAULT for finding in findings)
    return json.dumps({"ok": is_ok, "findings": listed}, indent=2, ensure_ascii=False)

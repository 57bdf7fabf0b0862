"""Make the output of scripts safe to show: it must not move the cursor or ring the bell."""

import os
import re
import sys

ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colors end in m, others move and erase
    r"|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and similar: titles, links
    r"|[ -/]*[0-~])"
)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
CONTROL_BUT_ESCAPE = re.compile(r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")


def as_text(line: str) -> str:
    """Remove colors and control characters from a line. A progress bar keeps its last state."""
    return CONTROL.sub("", ESCAPE.sub("", _last_state(line)))


def with_colors(line: str) -> str:
    """Remove all control characters from a line except colors."""
    colored = ESCAPE.sub(lambda match: match[0] if _is_color(match[0]) else "", _last_state(line))
    return CONTROL_BUT_ESCAPE.sub("", colored)


def _is_color(sequence: str) -> bool:
    return sequence.startswith("\x1b[") and sequence.endswith("m")


def _last_state(line: str) -> str:
    """Return the visible part of a line that overwrites itself with carriage returns."""
    return line.rstrip("\r").rpartition("\r")[2]


def is_capable() -> bool:
    """Return whether standard output is a terminal that can overwrite lines."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def replace_unencodable() -> None:
    """Print a question mark for each character that the output cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def duration(seconds: float) -> str:
    """Format a duration: 40 ms, 1.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

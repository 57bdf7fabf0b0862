"""What scripts print, made fit to be shown: nothing in it may move the cursor or ring a bell."""

import os
import re
import sys

ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours end in m, the rest moves and erases
    r"|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and the like: titles, links
    r"|[ -/]*[0-~])"
)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
CONTROL_BUT_ESCAPE = re.compile(r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")


def as_text(line: str) -> str:
    """A line without colours and control characters; of a progress bar, its last state."""
    return CONTROL.sub("", ESCAPE.sub("", _last_state(line)))


def with_colours(line: str) -> str:
    """A line without control characters but those that colour it."""
    kept = ESCAPE.sub(lambda found: found[0] if _is_colour(found[0]) else "", _last_state(line))
    return CONTROL_BUT_ESCAPE.sub("", kept)


def _is_colour(sequence: str) -> bool:
    return sequence.startswith("\x1b[") and sequence.endswith("m")


def _last_state(line: str) -> str:
    """What is left to see of a line that returns to its beginning and writes over itself."""
    return line.rstrip("\r").rpartition("\r")[2]


def is_capable() -> bool:
    """Whether standard output is a terminal on which lines can be written over."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def never_fail_to_print() -> None:
    """What standard output cannot encode becomes a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def duration(seconds: float) -> str:
    """As people say it: 40 ms, 1.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
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

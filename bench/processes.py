"""Process trees and their CPU time, from /proc."""

import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return the process and its descendants."""
    pids = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            pids += tree(int(child))
    return pids


def named(pid: int, word: str) -> int:
    """Return the first process in the tree of `pid` with the word in its command line."""
    return next(
        one for one in tree(pid) if word.encode() in Path(f"/proc/{one}/cmdline").read_bytes()
    )


def cpu_seconds(pids: list[int]) -> float:
    """Return the total CPU time of the processes, in user and kernel mode."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND

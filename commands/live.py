"""Follow a run on a terminal, with logs above and a live view of its stages and steps below."""

import itertools
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from client.following import Run, Stage, Step, steps_of
from commands.plain import is_over, pending_reasons
from commands.terminal import as_text, duration, with_colors

SIGNS = {
    "Pending": ("○", ".", "dim"),
    "Running": ("●", "*", "cyan"),
    "Succeeded": ("✓", "+", "green"),
    "Failed": ("✗", "x", "bold red"),
    "Cancelled": ("⊘", "-", "yellow"),
    "Skipped": ("–", "-", "dim"),
}
"""Status → its sign, its ASCII sign, its color."""
STAGE_INDENT, STEP_INDENT = 2, 4
MAX_NAME_WIDTH = 40
EXCERPT_LINES = 20
ROOM_FOR_LOGS = 8
"""Terminal lines that a long pipeline leaves free for logs and its "… n before" and "after"."""


class LiveView:
    """A watcher that draws on the terminal as long as its context is active.

    Printed lines stay above. When the run has ended, the whole pipeline stays below.
    """

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
        )
        self._ends: dict[str, deque[str]] = {}
        """Step → the last lines of its log."""
        self._width = MAX_NAME_WIDTH

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, run: Run, at: float) -> None:
        ended = run["completedAt"] is not None
        self._live.vertical_overflow = "visible" if ended else "ellipsis"
        self._live.update(self._drawing(run, at, whole=ended), refresh=True)

    def print(self, stage: Stage, step: Step, attempt: int, lines: Sequence[str]) -> None:
        self._ends.setdefault(step["id"], deque(maxlen=EXCERPT_LINES)).extend(lines)
        self._console.print(_printed(step, lines), soft_wrap=True)

    def warn(self, sentence: str) -> None:
        print(f"galley: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 (above the drawing)

    def print_excerpts(self, run: Run) -> None:
        """Print the last log lines of failed steps again, if several steps have printed."""
        if len(self._ends) < 2:
            return
        for stage, step in steps_of(run):
            if step["status"] == "Failed" and (lines := self._ends.get(step["id"])):
                title = f"End of the log of {stage['stageName']} / {step['stepName']}:"
                self._console.print(Text(title, "bold"), _printed(step, lines), sep="\n")

    # ---- drawing -----------------------------------------------------------------------------

    def _drawing(self, run: Run, at: float, *, whole: bool) -> RenderableType:
        """Draw the run. whole: draw all stages, even if the terminal has no room for them."""
        names = [stage["stageName"] for stage in run["stageRuns"]]
        names += [step["stepName"] for _, step in steps_of(run)]
        title = f"{run['workflowName']} #{run['number']}"
        width = max(cell_len(title), max(map(cell_len, names)) + STEP_INDENT)
        self._width = min(MAX_NAME_WIDTH, width)
        waiting: dict[str, list[str]] = {}
        for name, message in pending_reasons(run):
            waiting.setdefault(name, []).append(message)
        blocks = [self._block(stage, at, waiting) for stage in run["stageRuns"]]
        if not whole:
            unfinished = (n for n, stage in enumerate(run["stageRuns"]) if not is_over(stage))
            room = self._console.height - ROOM_FOR_LOGS
            blocks = list(_fitting(blocks, next(unfinished, len(blocks) - 1), room))
        drawn = [Text(), self._line(0, title, run, at), *itertools.chain.from_iterable(blocks)]
        for line in drawn:
            line.no_wrap, line.overflow = not whole, "fold" if whole else "ellipsis"
        return Group(*drawn)

    def _block(self, stage: Stage, at: float, waiting: Mapping[str, Sequence[str]]) -> list[Text]:
        """Draw a stage with its steps. waiting: name of a stage or step → its pending reasons."""
        lines = [self._line(STAGE_INDENT, stage["stageName"], stage, at)]
        lines += _pending(STEP_INDENT, waiting.get(stage["stageName"], ()))
        for step in stage["stepRuns"]:
            note = ", ".join(_notes(step))
            lines.append(self._line(STEP_INDENT, step["stepName"], step, at, note))
            name = f"{stage['stageName']} / {step['stepName']}"
            lines += _pending(STEP_INDENT + 2, waiting.get(name, ()))
        return lines

    def _line(self, indent: int, name: str, item: Any, at: float, note: str = "") -> Text:
        sign, ascii_sign, color = SIGNS[item["status"]]
        return Text.assemble(
            " " * indent,
            (self._encodable(sign, ascii_sign), color),
            " ",
            (self._padded(name, indent), "" if indent else "bold"),
            "  ",
            (f"{item['status']:9}", color),
            "  ",
            (f"{_elapsed(item, at):11}", "dim"),
            note,
        )

    def _padded(self, name: str, indent: int) -> str:
        """Fit a name to its column, but never cut the title, which ends with the run's number."""
        width = self._width - indent
        return set_cell_size(name, width if indent else max(width, cell_len(name)))

    def _encodable(self, sign: str, ascii_sign: str) -> str:
        try:
            sign.encode(self._console.encoding)
        except UnicodeEncodeError:
            return ascii_sign
        return sign


def _fitting(blocks: Sequence[list[Text]], current: int, room: int) -> Iterator[list[Text]]:
    """Return the current stage and as many others as there is room for, first the later ones."""
    first, last = current, current + 1
    room -= len(blocks[current])
    while last < len(blocks) and len(blocks[last]) <= room:
        room -= len(blocks[last])
        last += 1
    while first > 0 and len(blocks[first - 1]) <= room:
        first -= 1
        room -= len(blocks[first])
    if first:
        yield [Text(f"{' ' * STAGE_INDENT}… {first} before", "dim")]
    yield from blocks[first:last]
    if last < len(blocks):
        yield [Text(f"{' ' * STAGE_INDENT}… {len(blocks) - last} after", "dim")]


def _pending(indent: int, messages: Sequence[str]) -> list[Text]:
    return [Text(" " * indent + as_text(message), "yellow") for message in messages]


def _printed(step: Step, lines: Sequence[str]) -> Text:
    shown = Text()
    for number, line in enumerate(lines):
        shown.append("\n" if number else "")
        shown.append(f"{step['stepName']} | ", "dim")
        shown.append_text(Text.from_ansi(with_colors(line)))
    return shown


def _elapsed(item: Any, at: float) -> str:
    if item["durationMs"] is not None:
        return duration(item["durationMs"] / 1000)
    if item["startedAt"] is None:
        return ""
    so_far = max(0, round(at - datetime.fromisoformat(item["startedAt"]).timestamp()))
    return duration(so_far) if so_far >= 10 else f"{so_far} s"


def _notes(step: Step) -> Iterator[str]:
    if step["attempt"] > 1:
        yield f"attempt {step['attempt']}"
    if tests := step["tests"]:
        yield f"{tests['passed']} of {tests['total']} tests passed"
    if step["message"] and step["status"] != "Succeeded":
        yield as_text(step["message"])

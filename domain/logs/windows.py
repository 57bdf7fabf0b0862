"""Windows into a log: a few hundred whole lines, however long the log is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from domain.logs.files import whole_characters
from domain.logs.line_index import LogFile

MAX_LINES = 300
ON_SCREEN = 30
"""The number of lines visible at once, about."""
MAX_BYTES = 256 * 1024
LINE_BYTES = 8 * 1024
"""The part of a longer line that is shown."""
LOOKED_BACK = 16 * 1024
"""Bytes before a window that are searched for the start of its colours."""


@dataclass(frozen=True)
class LogLine:
    number: int
    """Counted from 1."""
    offset: int
    """The byte where it begins."""
    size: int
    """In bytes, without its end."""
    data: bytes
    """The visible part, with the escape sequences of a terminal."""
    is_cut: bool = False
    """The log has more of it."""

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Window:
    """Consecutive lines, and the length of the log when they were read."""

    lines: list[LogLine]
    total: int
    """The number of lines in the log."""
    size: int
    """The size of the log in bytes."""
    resume: int
    """The byte to read on from when the log has grown: the start of an unfinished line."""
    before: bytes = field(default=b"", repr=False)
    """A few bytes before the window, for colours that continue in it."""

    @property
    def first(self) -> int:
        """Return the number of the first line, or of the next one if the window is empty."""
        return self.lines[0].number if self.lines else self.total + 1

    @property
    def last(self) -> int:
        return self.lines[-1].number if self.lines else self.total


def after(path: Path, number: int, limit: int = MAX_LINES) -> Window:
    """Return the lines after line `number`, or the last ones if there are none."""
    return _window(path, lambda log: number + 1 if number < log.lines else None, limit)


def before(path: Path, number: int, limit: int = MAX_LINES) -> Window:
    """Return the lines before line `number`: as many of the nearest as fit."""
    with LogFile(path) as log:
        end = min(max(number, 2), log.lines + 1)
        first = _first_before(log, end, limit)
        return _read(log, first, min(limit, end - first))


def around(path: Path, number: int, limit: int = MAX_LINES, above: int | None = None) -> Window:
    """Return a window with line `number`, or with the last line.

    above: the number of lines before it, by default a third of the window. Near the end of the
    log there are more, to fill the window (or the screen, if `above` is given).
    """

    def first(log: LogFile) -> int:
        line = max(1, min(number, log.lines))
        before = limit // 3 if above is None else above
        start = (
            _first_before(log, line, before, share=3)
            if line > 1 and before and limit > before
            else line
        )
        filled = limit if above is None else min(limit, ON_SCREEN)
        return min(start, _first_before(log, log.lines + 1, filled))

    return _window(path, first, limit)


def end(path: Path, limit: int = MAX_LINES) -> Window:
    """Return the last lines."""
    return _window(path, lambda _: None, limit)


def since(path: Path, offset: int, limit: int = MAX_LINES) -> Window:
    """Return the lines from the one that holds byte `offset` on; none at the end of the log."""
    with LogFile(path) as log:
        number = log.number_at(offset) if offset < log.size else log.lines + 1
        return _read(log, number, limit)


def _window(path: Path, first: Callable[[LogFile], int | None], limit: int) -> Window:
    with LogFile(path) as log:
        start = first(log)
        return _read(log, start or _first_before(log, log.lines + 1, limit), limit)


def _first_before(log: LogFile, end: int, limit: int, share: int = 1) -> int:
    """Return the first of the lines before line `end` that fit into this share of a window."""
    stop, room = log.offset_of(end), MAX_BYTES // share
    data = log.read(max(0, stop - room), min(room, stop))
    # Unless the data starts with the log, its first line may be cut off and does not count.
    fitting = data[:-1].count(b"\n") + (stop <= room)
    return max(1, end - max(1, min(limit, fitting)))


def _read(log: LogFile, first: int, limit: int) -> Window:
    """Read lines from line `first` on, up to `limit` lines or MAX_BYTES."""
    begin = offset = log.offset_of(first)
    lines: list[LogLine] = []
    room = MAX_BYTES
    while len(lines) < limit and offset < log.size and room > 0:
        data = log.read(offset, room)
        *whole, rest = data.split(b"\n")
        is_end = offset + len(data) == log.size
        for piece in whole[: limit - len(lines)]:
            lines.append(_line(first + len(lines), offset, len(piece), piece))
            offset += len(piece) + 1
            room -= min(len(piece), LINE_BYTES) + 1
        if len(lines) == limit or not rest:
            continue
        if is_end:
            lines.append(_line(first + len(lines), offset, len(rest), rest))
            offset = log.size
        elif whole:
            continue
        elif room <= LINE_BYTES:
            break
        else:
            number = first + len(lines)
            following = log.offset_of(number + 1)
            size = following - offset
            size -= log.read(following - 1, 1) == b"\n"
            tail = log.read(offset + size - LINE_BYTES, LINE_BYTES)
            lines.append(_line(number, offset, size, rest, tail))
            offset = following
            room -= LINE_BYTES
    return Window(
        lines,
        log.lines,
        log.size,
        _resume(log),
        log.read(max(0, begin - LOOKED_BACK), min(begin, LOOKED_BACK)),
    )


def _resume(log: LogFile) -> int:
    is_open = log.size and log.read(log.size - 1, 1) != b"\n"
    return log.offset_of(log.lines) if is_open else log.size


def _line(number: int, offset: int, size: int, head: bytes, tail: bytes = b"") -> LogLine:
    r"""Return the line as a terminal would finally show it: the text after the last `\r`."""
    text = (tail or head).rstrip(b"\r")
    state = text.rfind(b"\r") + 1
    text = text[state:] if state or not tail else head
    if len(text) <= LINE_BYTES:
        return LogLine(number, offset, size, text)
    cut = text[:LINE_BYTES]
    return LogLine(number, offset, size, cut[: whole_characters(cut)], is_cut=True)

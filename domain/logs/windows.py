"""Windows into a log: some hundred whole lines of it, however long it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from domain.logs.files import whole_characters
from domain.logs.line_index import LogFile

MAX_LINES = 300
ON_SCREEN = 30
"""About so many lines are seen at once."""
MAX_BYTES = 256 * 1024
LINE_BYTES = 8 * 1024
"""Of a longer line only so much is shown."""
LOOKED_BACK = 16 * 1024
"""How far before a window its colours may begin."""


@dataclass(frozen=True)
class Line:
    number: int
    """Counted from 1."""
    offset: int
    """The byte where it begins."""
    size: int
    """In bytes, without its end."""
    data: bytes
    """What is shown of it, with the escape sequences of a terminal."""
    is_cut: bool = False
    """More of it is in the log."""

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Window:
    """Consecutive lines, and how long the log was when they were read."""

    lines: list[Line]
    total: int
    """The lines of the log."""
    size: int
    """The bytes of the log."""
    resume: int
    """The byte from which to read on when the log has grown: where an unfinished line begins."""
    before: bytes = field(default=b"", repr=False)
    """A little of what comes before, for colours that go on."""

    @property
    def first(self) -> int:
        """The number of the first line; of the one that would come next, if there is none."""
        return self.lines[0].number if self.lines else self.total + 1

    @property
    def last(self) -> int:
        return self.lines[-1].number if self.lines else self.total


def after(path: Path, number: int, limit: int = MAX_LINES) -> Window:
    """The lines behind line `number`; the last ones, if there are none."""
    return _window(path, lambda log: number + 1 if number < log.lines else None, limit)


def before(path: Path, number: int, limit: int = MAX_LINES) -> Window:
    """The lines before line `number`: as many of the nearest as fit."""
    with LogFile(path) as log:
        end = min(max(number, 2), log.lines + 1)
        first = _first_before(log, end, limit)
        return _read(log, first, min(limit, end - first))


def around(path: Path, number: int, limit: int = MAX_LINES, above: int | None = None) -> Window:
    """A window with line `number`, or the last line.

    above: so many lines before it, or a few more near the end of the log; else a third of the
    window, which is filled from above near the end.
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
    """The last lines."""
    return _window(path, lambda _: None, limit)


def since(path: Path, offset: int, limit: int = MAX_LINES) -> Window:
    """The lines from the one on in which byte `offset` is; none at the end of the log."""
    with LogFile(path) as log:
        number = log.number_at(offset) if offset < log.size else log.lines + 1
        return _read(log, number, limit)


def _window(path: Path, first: Callable[[LogFile], int | None], limit: int) -> Window:
    with LogFile(path) as log:
        start = first(log)
        return _read(log, start or _first_before(log, log.lines + 1, limit), limit)


def _first_before(log: LogFile, end: int, limit: int, share: int = 1) -> int:
    """The first of the lines before line `end` that fit into such a part of a window."""
    stop, room = log.offset_of(end), MAX_BYTES // share
    data = log.read(max(0, stop - room), min(room, stop))
    # What is not the beginning of the log may begin within a line, which does not fit.
    fitting = data[:-1].count(b"\n") + (stop <= room)
    return max(1, end - max(1, min(limit, fitting)))


def _read(log: LogFile, first: int, limit: int) -> Window:
    """Lines from line `first` on, until there are `limit` or they have filled the room."""
    begin = offset = log.offset_of(first)
    lines: list[Line] = []
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


def _line(number: int, offset: int, size: int, head: bytes, tail: bytes = b"") -> Line:
    r"""Shown is what a terminal would show in the end: what stands behind the last `\r`."""
    text = (tail or head).rstrip(b"\r")
    state = text.rfind(b"\r") + 1
    text = text[state:] if state or not tail else head
    if len(text) <= LINE_BYTES:
        return Line(number, offset, size, text)
    cut = text[:LINE_BYTES]
    return Line(number, offset, size, cut[: whole_characters(cut)], is_cut=True)

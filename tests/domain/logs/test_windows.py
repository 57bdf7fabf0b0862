"""A log as numbered lines, and windows into it: laws that hold whatever is in it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.logs import line_index
from domain.logs import windows as log_windows
from domain.logs.line_index import LogFile
from domain.logs.windows import Window, after, around, before, end, since

contents = st.lists(
    st.sampled_from([b"", b"a", b"\xc3\xa9", b"\xff\x00", b"word word", b"\n", b"\n", b"x" * 40]),
    max_size=60,
).map(b"".join)
limits = st.integers(1, 7)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that short logs have what else only long ones have."""
    monkeypatch.setattr(line_index, "CHUNK", 8)
    monkeypatch.setattr(line_index, "MIB", 32)
    monkeypatch.setattr(log_windows, "MAX_BYTES", 60)
    monkeypatch.setattr(log_windows, "LINE_BYTES", 20)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log"


def lines_of(content: bytes) -> list[bytes]:
    *whole, rest = content.split(b"\n")
    return [*whole, rest] if rest else whole


def windows(path: Path, limit: int) -> list[Window]:
    found = [after(path, 0, limit)]
    while found[-1].last < found[-1].total:
        found.append(after(path, found[-1].last, limit))
    return found


def written(path: Path, content: bytes) -> None:
    """As a log that was never read."""
    line_index._indexes.clear()
    path.write_bytes(content)


@given(content=contents, cut=st.integers(0, 300))
def test_every_line_is_found_where_it_begins_and_by_every_byte_in_it(
    path: Path, content: bytes, cut: int
) -> None:
    written(path, content[:cut])
    with LogFile(path) as log:
        assert log.lines == len(lines_of(content[:cut]))
    with path.open("ab") as file:
        file.write(content[cut:])
    lines = lines_of(content)
    with LogFile(path) as log:
        assert (log.size, log.lines) == (len(content), len(lines))
        offset = 0
        for number, line in enumerate(lines, 1):
            assert log.offset_of(number) == offset
            for byte in range(offset, min(offset + len(line) + 1, len(content))):
                assert log.number_at(byte) == number
            offset += len(line) + 1
        assert log.offset_of(len(lines) + 1) == len(content)


@given(content=contents, limit=limits)
def test_the_windows_from_the_first_on_are_the_whole_log(
    path: Path, content: bytes, limit: int
) -> None:
    written(path, content)
    found = [line for window in windows(path, limit) for line in window.lines]
    expected = lines_of(content)
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    for line, whole in zip(found, expected, strict=True):
        assert content[line.offset : line.offset + line.size] == whole
        assert line.data == whole or (line.is_cut and whole.startswith(line.data))
        assert line.is_cut == (len(whole) > 20)


@given(content=contents, limit=limits)
def test_the_windows_from_the_last_back_are_the_whole_log(
    path: Path, content: bytes, limit: int
) -> None:
    written(path, content)
    numbers: list[int] = []
    window = end(path, limit)
    while window.lines:
        assert len(window.lines) <= limit
        numbers = [line.number for line in window.lines] + numbers
        if window.first == 1:
            break
        assert before(path, window.first, limit).last == window.first - 1
        window = before(path, window.first, limit)
    assert numbers == list(range(1, len(lines_of(content)) + 1))


@given(
    content=contents,
    limit=limits,
    number=st.integers(0, 80),
    above=st.none() | st.integers(0, 9),
)
def test_a_window_around_a_line_has_that_line_or_the_last_one(
    path: Path, content: bytes, limit: int, number: int, above: int | None
) -> None:
    written(path, content)
    window = around(path, number, limit, above)
    total = len(lines_of(content))
    if total:
        assert max(1, min(number, total)) in [line.number for line in window.lines]
    else:
        assert (window.lines, window.first, window.last) == ([], 1, 0)


@given(content=contents, cut=st.integers(0, 300), limit=limits)
def test_a_reader_who_resumes_has_every_line_whole_in_the_end(
    path: Path, content: bytes, cut: int, limit: int
) -> None:
    written(path, content[:cut])
    kept = {line.number: line.data for window in windows(path, limit) for line in window.lines}
    resume = end(path).resume
    with path.open("ab") as file:
        file.write(content[cut:])
    while (window := since(path, resume, limit)).lines:
        kept |= {line.number: line.data for line in window.lines}
        if window.last == window.total:
            break
        resume = window.lines[-1].offset + window.lines[-1].size + 1
    fresh = {line.number: line.data for found in windows(path, limit) for line in found.lines}
    assert kept == fresh


def test_a_log_that_is_replaced_or_cut_is_counted_anew(path: Path) -> None:
    written(path, b"a\n" * 30)
    assert end(path).total == 30
    other = path.with_name("other")
    other.write_bytes(b"b\n" * 40)
    other.replace(path)
    assert end(path).total == 40
    path.write_bytes(b"c\n")  # the same file
    assert end(path).total == 1
    path.write_bytes(b"d\n\n" * 50)
    assert end(path).total == 100


def test_threads_that_read_a_log_at_once_agree(path: Path) -> None:
    written(path, b"a\n" * 500)
    with ThreadPoolExecutor(8) as threads:
        totals = list(threads.map(lambda _: end(path).total, range(40)))
    assert set(totals) == {500}


def test_what_a_window_around_a_line_begins_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_windows, "MAX_BYTES", 10_000)
    written(path, b"\n" * 1000)
    assert around(path, 500).first == 400
    assert around(path, 500, above=5).first == 495
    assert (around(path, 999).first, around(path, 999, above=5).first) == (701, 971)
    assert around(path, 3, above=5).first == 1


def test_only_so_many_logs_are_remembered(tmp_path: Path) -> None:
    for number in range(line_index.LOGS_KEPT + 5):
        log = tmp_path / str(number)
        log.write_bytes(b"one\n")
        assert end(log).total == 1
    assert len(line_index._indexes) == line_index.LOGS_KEPT


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    for window in (end(tmp_path / "none"), since(tmp_path / "none", 9), around(tmp_path / "n", 3)):
        assert (window.lines, window.total, window.size, window.resume) == ([], 0, 0, 0)


def test_of_a_progress_bar_the_last_state_is_shown(path: Path) -> None:
    written(path, b"10%\r50%\r100%\r\nnext\r\n" + b"#\r" * 60 + b"done\n")
    assert [line.data for line in after(path, 0).lines] == [b"100%", b"next", b"done"]
    assert not any(line.is_cut for line in after(path, 0).lines)


def test_a_line_that_is_cut_ends_with_a_whole_character(path: Path) -> None:
    written(path, ("a" + "€" * 40 + "\nnext\n").encode())
    long, following = after(path, 0).lines
    assert (long.text, long.size, long.is_cut) == ("a" + "€" * 6, 121, True)
    assert following.text == "next"


def test_a_window_knows_what_comes_before_for_colours_that_go_on(path: Path) -> None:
    written(path, b"\x1b[31mred\nstill\n")
    assert after(path, 1).before == b"\x1b[31mred\n"
    assert after(path, 0).before == b""


def test_what_is_counted_is_small_and_files_are_closed(path: Path) -> None:
    written(path, b"\n" * 800)
    files = len(list(Path("/proc/self/fd").iterdir()))
    end(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert len(line_index._indexes[path].before) == 101

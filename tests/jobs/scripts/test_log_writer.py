"""Writing step logs: notes, masked secrets, the cap, a full disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.logs.files import times_path
from domain.logs.timestamps import PAIR, Times
from domain.settings import MIB
from jobs.scripts.log_writer import LogWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "step.1.log"


def test_output_is_in_the_file_as_soon_as_it_is_written(path: Path) -> None:
    log = LogWriter(path)
    log.write(b"half a li")
    assert path.read_bytes() == b"half a li"
    log.write(b"ne\n\xff\x00")
    assert path.read_bytes() == b"half a line\n\xff\x00"
    assert log.size == 14
    log.close()
    log.close()


def test_notes_begin_a_line_and_come_after_what_was_held_back(path: Path) -> None:
    log = LogWriter(path, ["hunter2"])
    log.note("Attempt 1 on host a.")
    log.write(b"output hunt")
    log.note("Two\nlines with hunter2.")
    log.note("And one.")
    log.write(b"rest")
    log.close()
    assert path.read_text() == (
        "[galley] Attempt 1 on host a.\noutput hunt\n"
        "[galley] Two\n[galley] lines with ***.\n[galley] And one.\nrest"
    )


def test_a_log_that_is_opened_again_is_continued(path: Path) -> None:
    for _ in range(2):
        log = LogWriter(path, head=60)
        log.write(b"no line end")
        log.note("end")
        log.close()
    once = "no line end\n[galley] end\n"
    assert path.read_text() == once * 2
    assert log.size == len(once * 2)


def test_secrets_are_masked_in_the_file(path: Path) -> None:
    log = LogWriter(path, ["hunter2"])
    for byte in b"my hunter2!":
        log.write(bytes([byte]))
    log.close()
    assert path.read_bytes() == b"my ***!"


def test_a_text_that_goes_elsewhere_is_masked_like_the_log_even_after_its_end(path: Path) -> None:
    log = LogWriter(path, ["hunter2"])
    log.write(b"a hun")
    assert log.mask("ü: hunter2 \udcff \ud800") == "ü: *** \udcff \ud800"
    log.close()
    assert log.mask("hunter2") == "***"
    assert path.read_bytes() == b"a hun"


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 50), st.integers(1, 50))
def test_the_beginning_and_the_end_are_kept_and_the_gap_is_counted(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], head: int, tail: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    log = LogWriter(path, head=head, tail=tail)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    whole, kept = b"".join(chunks), path.read_bytes()
    assert log.size == len(kept)
    gap = len(whole) - head - tail
    if gap <= 0:
        assert kept == whole
        return
    begin, end = whole[:head], whole[len(whole) - tail :]
    line_end = b"" if begin.endswith(b"\n") else b"\n"
    note = (
        f"[galley] {gap:,} bytes were left out here: "
        f"a log keeps the first {head:,} bytes and the last {tail:,} bytes.\n"
    )
    assert kept == begin + line_end + note.encode() + end


def test_the_gap_of_a_large_log_is_given_in_mebibytes_and_memory_stays_small(path: Path) -> None:
    log = LogWriter(path, head=2 * MIB, tail=MIB)
    for _ in range(64):
        log.write(b"0123456789abcde\n" * (MIB // 128))
        assert len(log._after_head) <= 2 * MIB
    log.note("the end")
    log.close()
    text = path.read_text()
    assert "the first 2 MiB and the last 1 MiB" in text
    assert text.endswith("\n[galley] the end\n")
    assert 3 * MIB < log.size < 3 * MIB + 200


def test_a_full_disk_is_remembered_and_does_not_stop_the_script() -> None:
    log = LogWriter(Path("/dev/full"))
    log.write(b"lost")
    log.write(b"lost, too")
    log.note("lost")
    log.close()
    assert log.write_error == "The log is incomplete: No space left on device."
    assert log.size == 0


def test_an_incomplete_log_says_so_when_there_is_room_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogWriter(path)
    log.write(b"begin")
    with Path("/dev/full").open("wb", buffering=0) as full:
        mine = os.dup(log._fd)
        os.dup2(full.fileno(), log._fd)  # the disk is full for a while
        log.write(b"lost")
        os.dup2(mine, log._fd)
        os.close(mine)
    log.write(b"a gap is not hidden")
    log.close()
    expected = "begin\n[galley] The log is incomplete: No space left on device.\n"
    assert path.read_text() == expected
    assert log.size == len(expected)


class Clock:
    """The clock of the writer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 1_000_000
        monkeypatch.setattr("jobs.scripts.log_writer.time.time_ns", lambda: self.ms * 1_000_000)

    def pass_ms(self, ms: int) -> None:
        self.ms += ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_timestamps_are_written_about_every_tenth_of_a_second(path: Path, clock: Clock) -> None:
    log = LogWriter(path)
    for _ in range(10):
        log.write(b"line\n")
        clock.pass_ms(50)
    log.close()
    times = Times(times_path(path))
    assert times_path(path).stat().st_size == 5 * PAIR.size
    assert [times.at(offset) for offset in (0, 5, 10, 45)] == [
        *(1_000_000, 1_000_000, 1_000_100, 1_000_400)
    ]


def test_the_end_of_a_long_log_keeps_its_times(path: Path, clock: Clock) -> None:
    log = LogWriter(path, head=10, tail=10)
    for _ in range(100):
        log.write(b"12345")
        clock.pass_ms(100)
    log.close()
    times = Times(times_path(path))
    size = path.stat().st_size
    assert (times.at(5), times.at(9)) == (1_000_100, 1_000_100)
    assert [times.at(size - 10), times.at(size - 5), times.at(size - 1)] == [
        *(1_009_800, 1_009_900, 1_009_900)
    ]


def test_half_a_pair_of_a_killed_worker_does_no_harm(path: Path, clock: Clock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"first\n")
    times_path(path).write_bytes(PAIR.pack(0, 900_000) + b"\0\0\0")
    log = LogWriter(path)
    log.write(b"second\n")
    log.close()
    times = Times(times_path(path))
    assert (times.at(0), times.at(6)) == (900_000, 1_000_000)


def test_a_log_is_written_even_if_its_times_cannot_be(path: Path) -> None:
    times_path(path).mkdir(parents=True)
    log = LogWriter(path)
    log.write(b"line")
    log.close()
    assert (path.read_bytes(), log.write_error) == (b"line", None)

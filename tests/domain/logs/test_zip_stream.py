"""A zip that is made while it is sent."""

import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from domain.logs import zip_stream


def opened(pieces: Iterable[bytes]) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_bytes(b"compiling\nwarning: \xff\n")
    return path


def test_files_are_found_under_the_names_that_were_given(log: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    archive = opened(zip_stream.stream([("01-ä/02.log", log), ("empty", tmp_path / "empty")]))
    assert archive.namelist() == ["01-ä/02.log", "empty"]
    assert archive.read("01-ä/02.log") == b"compiling\nwarning: \xff\n"
    assert archive.read("empty") == b""


def test_a_file_that_is_not_there_is_left_out(log: Path, tmp_path: Path) -> None:
    archive = opened(zip_stream.stream([("gone", tmp_path / "gone"), ("log", log)]))
    assert archive.namelist() == ["log"]


def test_nothing_at_all_is_an_empty_zip() -> None:
    assert opened(zip_stream.stream([])).namelist() == []


def test_a_file_that_grows_is_taken_as_it_was_when_its_turn_came(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(os.urandom(3 * zip_stream.CHUNK_BYTES))
    before = path.read_bytes()

    def while_it_grows() -> Iterator[bytes]:
        for piece in zip_stream.stream([("log", path), ("again", path)]):
            yield piece
            with path.open("ab") as log:
                log.write(b"one line more\n")

    archive = opened(while_it_grows())
    assert archive.read("log") == before
    assert archive.read("again").startswith(before + b"one line more\n")


def test_a_file_that_becomes_shorter_does_not_break_the_rest(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(os.urandom(4 * zip_stream.CHUNK_BYTES))
    pieces = zip_stream.stream([("cut", path), ("log", log)])
    first = next(pieces)
    os.truncate(path, zip_stream.CHUNK_BYTES)
    archive = opened([first, *pieces])
    assert len(archive.read("cut")) < 4 * zip_stream.CHUNK_BYTES
    assert archive.read("log") == log.read_bytes()


def test_it_is_read_no_faster_than_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(os.urandom(16 * zip_stream.CHUNK_BYTES))
    pieces = zip_stream.stream([("log", path)])
    assert max(len(piece) for piece in pieces) <= 2 * zip_stream.CHUNK_BYTES


@pytest.mark.parametrize(("mtime", "year"), [(0, 1980), (2**33, 2107), (1_790_000_000, 2026)])
def test_no_clock_is_too_wrong_for_it(log: Path, mtime: int, year: int) -> None:
    os.utime(log, (mtime, mtime))
    assert opened(zip_stream.stream([("log", log)])).getinfo("log").date_time[0] == year


def test_a_file_of_more_than_4_gib_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of the small form, made small."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    path = tmp_path / "log"
    path.write_bytes(os.urandom(5000))
    archive = opened(zip_stream.stream([("log", path)]))
    assert archive.read("log") == path.read_bytes()

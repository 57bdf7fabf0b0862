"""Reading step logs piece by piece."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotFound
from domain.logs.files import log_path, read_log, times_path
from domain.models.base import new_id

texts = st.lists(st.sampled_from(["a", "é", "€", "🚀", "\n", "word "]), max_size=60).map("".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log"


def pieces(path: Path, limit: int, complete: bool) -> list[bytes]:
    found, offset = [], 0
    while True:
        piece, following = read_log(path, offset, limit, complete)
        assert following == offset + len(piece)
        if not piece:
            return found
        found.append(piece)
        offset = following


@given(content=texts.map(str.encode) | st.binary(max_size=200), limit=st.integers(4, 50))
def test_the_pieces_of_a_complete_log_are_the_whole_log(
    path: Path, content: bytes, limit: int
) -> None:
    path.write_bytes(content)
    found = pieces(path, limit, complete=True)
    assert b"".join(found) == content
    assert all(len(piece) <= limit for piece in found)


@given(content=texts.map(str.encode), limit=st.integers(4, 50), grown=st.integers(0, 200))
def test_a_growing_log_is_never_cut_within_a_character(
    path: Path, content: bytes, limit: int, grown: int
) -> None:
    path.write_bytes(content[:grown])
    found = pieces(path, limit, complete=False)
    read = b"".join(found)
    for piece in found:
        piece.decode()
    assert content[:grown].startswith(read)
    assert len(content[:grown]) - len(read) < 4
    path.write_bytes(content)
    assert read + read_log(path, len(read), complete=True)[0] == content


def test_a_piece_ends_with_a_line_where_it_can(path: Path) -> None:
    path.write_bytes(b"one\ntwo\nthr")
    assert read_log(path, 0) == (b"one\ntwo\n", 8)
    assert read_log(path, 0, complete=True) == (b"one\ntwo\nthr", 11)
    assert read_log(path, 0, limit=9, complete=True) == (b"one\ntwo\n", 8)


def test_a_line_that_is_not_finished_is_shown_when_nothing_else_is_new(path: Path) -> None:
    path.write_bytes("Password: é".encode()[:-1])
    assert read_log(path, 0) == (b"Password: ", 10)
    assert read_log(path, 10) == (b"", 10)


def test_a_log_that_does_not_exist_yet_and_a_far_offset_read_as_empty(path: Path) -> None:
    assert read_log(path.with_name("none"), 7) == (b"", 7)
    path.write_bytes(b"short")
    assert read_log(path, 99, complete=True) == (b"", 99)
    assert read_log(path, -5, complete=True) == (b"short", 5)


def test_each_attempt_has_a_file_of_its_own(tmp_path: Path) -> None:
    run, step = new_id(), new_id()
    log = log_path(tmp_path, run, step, 2)
    assert log == tmp_path / "logs" / run / f"{step}.2.log"
    assert times_path(log) == tmp_path / "logs" / run / f"{step}.2.times"


@pytest.mark.parametrize(
    ("run", "step", "attempt"),
    [
        ("../../../../etc/passwd/0", "a" * 24, 1),
        ("a" * 24, "a" * 23 + "/", 1),
        ("a" * 24, "", 1),
        ("a" * 24, "a" * 24, 0),
    ],
)
def test_nothing_but_ids_can_name_a_log(tmp_path: Path, run: str, step: str, attempt: int) -> None:
    with pytest.raises(NotFound):
        log_path(tmp_path, run, step, attempt)

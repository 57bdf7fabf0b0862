"""Searching a log: every line that shows the text, a bounded part at a time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.logs import line_index
from domain.logs import search as log_search
from domain.logs.search import Hit, Hits, search


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log"


def written(path: Path, content: bytes) -> Path:
    line_index._indexes.clear()
    path.write_bytes(content)
    return path


def numbers(hits: Hits) -> list[int]:
    return [hit.number for hit in hits.found]


@given(
    lines=st.lists(
        st.sampled_from(["", "duck", "DUCK and duck", "goose", "du\x1b[31mck"]), max_size=30
    ),
    bound=st.integers(1, 60),
    limit=st.integers(1, 5),
)
def test_whatever_is_looked_at_at_once_every_line_is_found_once(
    path: Path, lines: list[str], bound: int, limit: int
) -> None:
    written(path, "\n".join(lines).encode())
    found: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_search, "PIECE", 16)
        patch.setattr(log_search, "SCANNED_BYTES", bound)
        first: int | None = 1
        while first is not None:
            hits = search(path, "duck", first, limit)
            assert len(hits.found) <= limit
            assert hits.next_line is None or hits.next_line > first
            found += numbers(hits)
            first = hits.next_line
    assert found == [n for n, line in enumerate(lines, 1) if "u" in line.lower()]


def test_large_letters_make_it_exact_and_only_the_text_counts(path: Path) -> None:
    written(path, b"an Error\nan error\nERROR\n" + "über Ärger\n".encode())
    assert numbers(search(path, "error")) == [1, 2, 3]
    assert numbers(search(path, "Error")) == [1]
    assert numbers(search(path, "Ärger")) == [4]
    assert search(path, ".*") == Hits([], None, 4)
    assert numbers(search(path, "error", 2)) == [2, 3]


def test_a_hit_has_a_little_of_what_stands_around_it(path: Path) -> None:
    written(path, b"a" * 100 + b"\x1b[1mDuck\x1b[0m" + b"z" * 500 + b"\xff duck\n")
    assert search(path, "duck").found == [Hit(1, "…" + "a" * 40, "Duck", "z" * 200 + "…")]


def test_one_endless_line_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "PIECE", 16)
    monkeypatch.setattr(log_search, "SCANNED_BYTES", 50)
    written(path, b"duck" * 40 + b"\nduck\n")
    hits = search(path, "duck")
    assert (numbers(hits), hits.next_line) == ([1], 2)
    assert numbers(search(path, "duck", 2)) == [2]


def test_a_log_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert search(tmp_path / "none", "duck") == Hits([], None, 0)


@pytest.mark.parametrize("needle", ["\n", "\nb", "b\n", "\n\n"])
def test_a_text_of_several_lines_is_in_none_and_ends_the_search(path: Path, needle: str) -> None:
    path.write_bytes(b"a\nb\nc\n")
    assert len(search(path, needle).found) <= 3

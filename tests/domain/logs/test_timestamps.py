"""When the lines of a log were written."""

from pathlib import Path

from domain.logs.timestamps import PAIR, Times


def times(path: Path, *pairs: tuple[int, int], rest: bytes = b"") -> Times:
    path.write_bytes(b"".join(PAIR.pack(*pair) for pair in pairs) + rest)
    return Times(path)


def test_a_byte_was_written_when_the_last_pair_before_it_says(tmp_path: Path) -> None:
    found = times(tmp_path / "times", (0, 1_000), (50, 1_100), (80, 5_000))
    assert [found.at(offset) for offset in (0, 49, 50, 79, 80, 999)] == [
        *(1_000, 1_000, 1_100, 1_100, 5_000, 5_000)
    ]


def test_without_the_file_or_with_a_broken_one_there_are_just_no_times(tmp_path: Path) -> None:
    assert not Times(tmp_path / "none")
    assert Times(tmp_path / "none").at(0) is None
    assert Times(tmp_path).at(0) is None  # a folder
    assert times(tmp_path / "late", (10, 1_000)).at(5) is None
    assert times(tmp_path / "half", (0, 1_000), rest=b"\0\0\0").at(5) == 1_000
    assert times(tmp_path / "wild", (0, 1 << 63), (9, 0)).at(5) is None

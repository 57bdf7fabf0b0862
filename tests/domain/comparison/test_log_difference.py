"""Where two logs part, and what counts as the same."""

import time

import pytest

from domain.comparison.log_difference import FOLLOWING, LONGEST, first_difference, normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ran 9 tests in 0.05s", "ran 12 tests in 1.5 ms"),
        ("[2026-11-30T10:20:30.456Z] start", "[2026-12-01T08:00:00Z] start"),
        ("Mon Nov 30 15:42:48 UTC 2026", "Tue Dec  1 05:02:08 UTC 2026"),
        ("commit 9f86d081884c7d65", "commit 2c26b46b68ffc68f"),
        ("HEAD is now at 59b8fcc", "HEAD is now at 93778bb"),
        ("object at 0x7f3a", "object at 0xdeadbeef"),
        ("id 0b1e6c1a-5d5f-4a35-9f4c-2f7a6d9d3f10", "id 9b1e6c1a-5d5f-4a35-8f4c-2f7a6d9d3f1a"),
        ("in /tmp/abc/x.py", "in /tmp/pytest-of-ann/x.py"),
        (
            "cd /srv/work/0197c2f04a8e3d51b6a7c9e2.1/src",
            "cd /v/work/0297c2f04a8e3d51b6a7c9e2.2/src",
        ),
        ("\x1b[32mok\x1b[0m", "ok"),
        (" 10%\r 50%\r100% done", "100% done"),
        ("a   9 kB", "a 1.2 MB"),
    ],
)
def test_what_is_another_in_every_run_counts_as_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert first_difference(one, other) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("passed", "failed"),
        ("5 steps", "5 seconds"),
        ("in /tmp/abc/x.py", "in /tmp/abc/y.py"),
        ("decade", "facade"),
        ("Marching on", "Walking on"),
    ],
)
def test_words_are_never_taken_for_what_varies(one: str, other: str) -> None:
    assert first_difference(one, other) is not None


def test_the_first_line_that_differs_is_told_with_what_stands_around_it() -> None:
    before = "a\nb\nc\nd 1\nfine\ndone\n"
    after = "a\nb\nc\nd 2\nbroken\nbecause\ndone\n"
    found = first_difference(before, after)
    assert found is not None
    assert found.number == 5
    assert found.lines == [
        (" ", "b"),
        (" ", "c"),
        (" ", "d 2"),
        ("-", "fine"),
        ("+", "broken"),
        ("+", "because"),
        (" ", "done"),
    ]


def test_a_log_that_ends_early_differs_where_it_ends() -> None:
    found = first_difference("a\nb\nc\n", "a\n")
    assert found is not None
    assert found.number == 2
    assert found.lines == [(" ", "a"), ("-", "b"), ("-", "c")]
    assert first_difference("", "x\n") is not None
    assert first_difference("", "") is None


def test_lines_whose_counterpart_lies_beyond_what_is_looked_at_are_not_called_gone() -> None:
    same = [f"line {chr(97 + number)}" for number in range(FOLLOWING)]
    found = first_difference("\n".join(same), "\n".join(["new", "newer", *same]))
    assert found is not None
    assert [line for line in found.lines if line[0] != " "] == [("+", "new"), ("+", "newer")]


def test_endless_lines_are_cut() -> None:
    found = first_difference("x", "y" * 10_000)
    assert found is not None
    assert len(found.lines[-1][1]) == LONGEST + 2


@pytest.mark.parametrize("piece", ["/a", "/", "1", "a1", "tmp", "1.", "/b/", "mon ", "0x"])
def test_no_line_takes_long(piece: str) -> None:
    line = piece * (1_000_000 // len(piece))
    began = time.process_time()
    normalised(line)
    assert time.process_time() - began < 1

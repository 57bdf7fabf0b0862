"""The check of commit messages, as the commit-msg hook runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.commit_message import errors

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "message",
    [
        "runs: refuse to abort a finished run",
        "x" * 60,
        "logs: bound the search\n\nA search read the whole log; now it stops.\n",
        "# a comment of git\nlogs: bound the search\n# another",
        'Revert "a subject of an earlier commit that was longer than the limit"',
        "Merge branch 'main' of a repository; it is written by git and may be long",
        "fixup! logs: bound the search of logs that are larger than memory",
    ],
)
def test_good_messages_pass(message: str) -> None:
    assert errors(message) == []


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("", "subject"),
        ("# only comments\n", "subject"),
        ("x" * 61, "60 characters"),
        ("logs: bound the search; pages: wrap", "semicolon"),
        ("logs: bound the search\nThe body begins too early.", "empty"),
    ],
)
def test_each_error_has_one_sentence(message: str, word: str) -> None:
    (sentence,) = errors(message)
    assert word in sentence


def test_the_hook_prints_every_error_and_fails(tmp_path: Path) -> None:
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text("x" * 60 + ";\nbody")
    program = [sys.executable, ROOT / "tools/commit_message.py", message]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("commit message: ") == 3
    message.write_text("logs: bound the search\n")
    assert subprocess.run(program, check=False).returncode == 0

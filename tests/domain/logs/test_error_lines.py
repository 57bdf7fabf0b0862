"""Which line of a log looks like an error."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.logs import error_lines, line_index
from domain.logs.error_lines import ErrorSearch, first_error, looks_like_error, next_error

ERRORS = """
error: expected ';' before '}' token
Error: Cannot find module 'left-pad'
ERROR: failed to solve: process "/bin/sh -c make" did not complete
error[E0308]: mismatched types
src/main.c:12:5: error: 'x' undeclared (first use in this function)
src/app.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.
2026-03-01 12:00:00,123 ERROR root: it broke
[ERROR] COMPILATION ERROR :
Traceback (most recent call last):
ValueError: invalid literal for int() with base 10: 'x'
django.core.exceptions.ImproperlyConfiguredError: The SECRET_KEY setting must not be empty.
KeyError
Exception in thread "main" java.lang.NullPointerException
java.lang.IllegalStateException: closed
Unhandled exception. System.InvalidOperationException: broken
fatal: not a git repository (or any of the parent directories): .git
Fatal error: Uncaught TypeError
FATAL: password authentication failed for user "galley"
panic: runtime error: index out of range [3] with length 3
thread 'main' panicked at src/main.rs:2:5:
Kernel panic - not syncing
FAILED tests/test_pond.py::test_swims - AssertionError: it sank
FAILED (failures=1)
FAIL: test_quacks (pond.Tests)
--- FAIL: TestQuack (0.00s)
FAIL\tgithub.com/pond/duck\t0.012s
BUILD FAILURE
* What went wrong: build failed with an exception
npm ERR! code ELIFECYCLE
npm error code 1
not ok 3 - swims
app: main.c:7: main: Assertion `x > 0' failed.
assertion failed: (left == right)
Process exited with code 137
exit status 2
Exit code 1.
[galley] Exit code 1.
subprocess.CalledProcessError: Command '['false']' returned non-zero exit status 1.
collect2: error: ld returned 1 exit status
Segmentation fault (core dumped)
bash: line 3: gcc: command not found
sh: 1: npm: not found
cat: missing.txt: No such file or directory
./deploy.sh: Permission denied
make: *** [Makefile:3: all] Error 2
1 error: see above
error: no such command: biuld
Tests failed to start
""".strip().splitlines()

HARMLESS = """
0 errors
0 errors, 2 warnings
no error
No errors: all is well
ErrorSearch 0 errors in 12 files
Finished with no failures, no errors
errors: 0
Errors : 0, Failures: 0, Skipped: 1
Tests run: 9, Failures: 0, Errors: 0
failed=0
errors: none
error = no, warnings = 3
error handling ok
Compiling error-chain v0.12.4
test error_is_reported ... ok
tests/test_errors.py::test_error PASSED
gcc -Werror -c main.c
creating build/error.o
without errors
make: [Makefile:3: clean] Error 1 (ignored)
exit code 0
exited with status 0
XFAIL tests/test_pond.py::test_flies
copying asserts.js
panicbutton installed
fail-fast: true
the default is not to fail
+ echo 'error: this is only traced'
++ error: traced deeper
[galley] Attempt 2. Attempt 1: Exit code 1.
downloading exceptions-1.0.tar.gz
ok 3 - permission denied is handled
""".strip().splitlines()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log"


def written(path: Path, content: bytes) -> Path:
    line_index._indexes.clear()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("line", ERRORS)
def test_it_looks_like_an_error(line: str) -> None:
    assert looks_like_error(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_it_does_not_look_like_an_error(line: str) -> None:
    assert not looks_like_error(line)


@given(lines=st.lists(st.sampled_from(["", "fine", "0 errors", "Errors: x", *ERRORS]), max_size=20))
def test_the_first_and_then_the_next_are_found_as_by_reading_every_line(
    path: Path, lines: list[str]
) -> None:
    written(path, "\n".join(lines).encode())
    expected = [n for n, line in enumerate(lines, 1) if looks_like_error(line)]
    found = []
    number = first_error(path).number
    while number is not None:
        found.append(number)
        number = next_error(path, number).number
    assert found == expected


def test_colours_do_not_hide_an_error(path: Path) -> None:
    assert first_error(written(path, b"ok\n\x1b[31merror\x1b[0m: no duck\n")) == ErrorSearch(2)


def test_of_a_long_log_the_middle_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_lines, "HEAD_BYTES", 1000)
    monkeypatch.setattr(error_lines, "TAIL_BYTES", 1000)
    monkeypatch.setattr(error_lines, "MIB", 0)
    monkeypatch.setattr("domain.logs.search.PIECE", 100)
    fine, wrong = b"all is well\n" * 1000, b"error: no duck\n"
    assert first_error(written(path, fine + wrong + fine)) == ErrorSearch(None, is_first=False)
    assert first_error(written(path, fine + wrong)) == ErrorSearch(1001, is_first=False)
    assert first_error(written(path, wrong + fine)) == ErrorSearch(1)
    written(path, fine + wrong + fine)
    found, looks = next_error(path, 0), 1
    while found.next_line:
        found, looks = next_error(path, found.next_line - 1), looks + 1
    assert found == ErrorSearch(1001)
    assert looks < 10


def test_no_more_than_so_many_lines_are_looked_at_closely(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_lines, "MAX_CANDIDATES", 10)
    written(path, b"0 errors\n" * 10 + b"error: no duck\n")
    assert next_error(path, 0) == ErrorSearch(None, next_line=11)
    assert next_error(path, 10) == ErrorSearch(11)


def test_an_empty_log_has_no_error(tmp_path: Path) -> None:
    assert first_error(tmp_path / "none") == ErrorSearch(None)


@pytest.mark.parametrize("start", ["exit code", "error", "exited with", "failed :", "assert "])
def test_no_line_takes_long(start: str) -> None:
    for filling in (" ", "\t", "assert ", start, "0 errors "):
        line = (start + filling * 500)[:490]
        began = time.process_time()
        for _ in range(100):
            looks_like_error(line)
        assert time.process_time() - began < 0.5, (start, filling)

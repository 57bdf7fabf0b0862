"""What the last runs say about a test."""

import pytest

from domain.test_results.history import History, Mark

WORDS = {"P": "Pass", "F": "Fail", "E": "Error", "S": "Skip"}


def history(results: str) -> History:
    """One letter a run, the oldest first; "." where the test is not there, "<" for runs before."""
    goes_on, results = results.startswith("<"), results.removeprefix("<")
    return History(
        [
            Mark(f"run {number}", number, "step", "test", WORDS[letter])
            for number, letter in enumerate(results, 1)
            if letter != "."
        ],
        goes_on,
    )


@pytest.mark.parametrize(
    ("results", "since", "runs"),
    [
        ("", None, 0),
        ("P", None, 0),
        ("PFP", None, 0),
        ("F", 1, 1),
        ("PF", 2, 1),
        ("PFFF", 2, 3),
        ("PFPFE", 4, 2),
        ("PFSF", 2, 2),  # what was skipped breaks no row of failures
        ("PF.F", 2, 2),  # nor does a run without the test
        ("PFS", 2, 1),
        ("FPS", None, 0),
        ("SS", None, 0),
    ],
)
def test_it_fails_since_the_first_failure_in_a_row(
    results: str, since: int | None, runs: int
) -> None:
    found = history(results)
    assert (found.failing_since and found.failing_since.number) == since
    assert found.failing_runs == runs


@pytest.mark.parametrize(
    ("results", "changes", "is_flaky"),
    [
        ("PPPP", 0, False),
        ("FFFF", 0, False),
        ("PPFF", 1, False),
        ("PFFP", 2, False),  # broken and mended
        ("PFPF", 3, True),
        ("PFSPF", 3, True),
        ("FEFE", 0, False),  # both are bad
        ("PSPS", 0, False),
        ("P.F.P.F", 3, True),
    ],
)
def test_it_is_flaky_if_it_changes_more_often_than_breaking_and_mending(
    results: str, changes: int, is_flaky: bool
) -> None:
    assert history(results).changes == changes
    assert history(results).is_flaky is is_flaky


@pytest.mark.parametrize(
    ("results", "is_new", "is_fixed", "is_since_before"),
    [
        ("F", False, False, False),  # nothing is known of before
        ("PF", True, False, False),
        ("PSF", True, False, False),
        ("PFF", False, False, False),
        ("FP", False, True, False),
        ("FSP", False, True, False),
        ("FFF", False, False, False),
        ("<FFF", False, False, True),
        ("<FSE", False, False, True),
        ("<PFF", False, False, False),
        ("<P", False, False, False),
        ("PP", False, False, False),
    ],
)
def test_it_says_what_is_news(
    results: str, is_new: bool, is_fixed: bool, is_since_before: bool
) -> None:
    found = history(results)
    assert found.is_newly_failing is is_new
    assert found.is_fixed is is_fixed
    assert found.is_since_before is is_since_before

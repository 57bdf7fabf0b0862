"""The sentence that summarizes the tests of a step."""

import pytest

from jobs.steps.junit import Case
from jobs.steps.test import summary


def cases(**counts: int) -> list[Case]:
    return [Case("s", f"{r}{n}", r) for r, count in counts.items() for n in range(count)]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, ""),
        ({"Pass": 1}, "1 test passed."),
        ({"Pass": 1234}, "1,234 tests passed."),
        ({"Pass": 2, "Skip": 1}, "2 of 3 tests passed, 1 skipped."),
        ({"Pass": 2, "Fail": 1}, "1 of 3 tests failed: Fail0."),
        ({"Fail": 1}, "1 of 1 test failed: Fail0."),
        (
            {"Fail": 4, "Error": 3, "Skip": 1},
            "7 of 8 tests failed: Fail0, Fail1, Fail2, Fail3, Error0 and 2 more.",
        ),
    ],
)
def test_a_sentence_summarizes_the_tests(counts, sentence):
    assert summary(cases(**counts)) == sentence

"""The number of examples that tests which invent their cases try."""

import os

FACTOR = int(os.environ.get("TESTS_EXAMPLES", "1"))
"""As many times more than usual; `make test-long` asks for it."""
IS_LONG = FACTOR > 1


def examples(few: int) -> int:
    """Return how many to try where `few` are enough for every day."""
    return few * FACTOR

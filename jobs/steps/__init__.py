"""The kinds of steps. To add one, write a module with a function `run` and add it to KINDS.

`drivers` holds the ways of a Deploy: to a directory, to an object store, or by a script.
"""

from collections.abc import Callable

from domain.engine import StepFailed
from domain.releases.storage import StorageError
from domain.settings import SettingError
from domain.statuses import FAILED
from jobs.steps import build, deploy, test
from jobs.steps.context import Outcome, StepContext

Kind = Callable[[StepContext], Outcome]


def _failing_with_message(kind: Kind) -> Kind:
    """Turn expected errors of a kind into the outcome Failed with a message."""

    def run_kind(context: StepContext) -> Outcome:
        try:
            return kind(context)
        except (StepFailed, StorageError, SettingError) as failure:
            return Outcome(FAILED, str(failure))
        except OSError as error:
            return Outcome(FAILED, f"Galley could not read or write a file: {error}.")

    return run_kind


KINDS: dict[str, Kind] = {
    "Build": _failing_with_message(build.run),
    "Test": _failing_with_message(test.run),
    "Deploy": _failing_with_message(deploy.run),
}

__all__ = ["KINDS", "Outcome", "StepContext"]

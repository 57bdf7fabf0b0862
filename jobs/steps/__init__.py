"""The kinds of steps. To add one: a module with a function `run`, and a line in KINDS."""

from collections.abc import Callable

from domain.engine import StepFailed
from domain.releases.storage import StorageError
from domain.settings import SettingError
from domain.statuses import FAILED
from jobs.steps import build, deploy, test
from jobs.steps.context import Outcome, StepContext

Kind = Callable[[StepContext], Outcome]


def _with_sentences(kind: Kind) -> Kind:
    """What keeps a step from being done ends it as Failed, with the sentence that says why."""

    def run_kind(context: StepContext) -> Outcome:
        try:
            return kind(context)
        except (StepFailed, StorageError, SettingError) as failure:
            return Outcome(FAILED, str(failure))
        except OSError as error:
            return Outcome(FAILED, f"Galley could not read or write a file: {error}.")

    return run_kind


KINDS: dict[str, Kind] = {
    "Build": _with_sentences(build.run),
    "Test": _with_sentences(test.run),
    "Deploy": _with_sentences(deploy.run),
}

__all__ = ["KINDS", "Outcome", "StepContext"]

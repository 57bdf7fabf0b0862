"""The six statuses, and how the status of a whole follows from its parts."""

from collections.abc import Collection

PENDING = "Pending"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
CANCELLED = "Cancelled"
SKIPPED = "Skipped"

LIVE = (PENDING, RUNNING)
FINISHED = (SUCCEEDED, FAILED, CANCELLED, SKIPPED)
RUN_STATUSES = (PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED)


def fold(statuses: Collection[str]) -> str:
    """Return the final status of a whole whose parts have all finished: the worst of theirs."""
    for worst in (FAILED, CANCELLED):
        if worst in statuses:
            return worst
    return SUCCEEDED


# The outcome of a deployment whose worker was lost (`StepRun.outside_effect`).
UNKNOWN = "unknown"
HAPPENED = "happened"
DID_NOT = "did_not"

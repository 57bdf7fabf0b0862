"""Which tests run in one process: those that share something that takes long to start.

All others go file by file to the process that is free.
"""

from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "browser": (
        "tests/browser/test_appearance.py",
        "tests/browser/test_editor.py",
        "tests/browser/test_log.py",
    ),
    "commands": ("tests/commands/",),
    "more browser": ("tests/browser/",),
    "whole Galley": (
        "tests/jobs/test_backup.py::test_a_galley_that_is_restored",
        "tests/blueprints/api/test_generated_client.py",
        "tests/test_api_guide.py",
        "tests/test_readme.py::test_the_readmes_commands",
    ),
    "kills": ("tests/resilience/test_kills.py",),
    "resilience": ("tests/resilience/",),
    "roles": ("tests/blueprints/api/test_roles.py",),
    "schemathesis": ("tests/blueprints/api/test_schemathesis.py",),
}
"""Name → how the names of its tests begin. The groups that take longest come first."""
PER_DATABASE = ("kills", "resilience")
POSTGRESQL = "postgresql"


def group_of(nodeid: str) -> str:
    """Return the name of the test's group; an empty one if it shares nothing."""
    group = next((name for name, starts in GROUPS.items() if nodeid.startswith(starts)), "")
    if POSTGRESQL not in nodeid.partition("[")[2]:
        return group
    return f"{group} {POSTGRESQL}" if group in PER_DATABASE else group or POSTGRESQL


def rank(nodeid: str) -> int:
    """Return the place of the test's group: the longest have to begin first."""
    group = group_of(nodeid).partition(" postgresql")[0]
    return [*GROUPS, POSTGRESQL, ""].index(group)


class Scheduling(LoadScopeScheduling):
    """Hands out whole groups, in the order of `rank`."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid.partition("::")[0]

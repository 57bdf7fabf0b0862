"""Checks for leftovers of finished attempts and deleted runs on this host."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from domain.system.checks import Finding, unless, warning
from domain.system.format import many, some
from jobs.doctor.checks.parts import has_reconciler_here
from jobs.doctor.scene import Scene
from jobs.reconciler import orphans


def workspaces(scene: Scene) -> list[Finding]:
    """Find workspaces, unless a reconciler on this host deletes them within half a minute."""
    left = [] if has_reconciler_here() else orphans.folders(scene.settings.data_dir)
    return unless(left_folders(left), "No orphaned workspaces.")


def left_folders(left: Sequence[Path]) -> Iterator[Finding]:
    if left:
        yield warning(
            f"{many(left, 'workspace')} of finished attempts in {left[0].parent}: "
            f"{some([folder.name for folder in left])}.",
            "Start a reconciler on this host, which deletes them: galley up, or galley reconciler.",
        )


def processes(scene: Scene) -> list[Finding]:
    return unless(strays(orphans.processes()), "No orphaned processes.")


def strays(left: Mapping[int, str]) -> Iterator[Finding]:
    """Find orphaned processes. left: process id → its attempt."""
    if left:
        named = [f"{pid} (of {cookie})" for pid, cookie in sorted(left.items())]
        yield warning(
            f"{many(left, 'process', 'processes')} of finished attempts still running: "
            f"{some(named)}.",
            f"kill -9 {' '.join(str(pid) for pid in sorted(left))}",
        )


def logs(scene: Scene) -> list[Finding]:
    """Find the logs of deleted runs.

    No reconciler deletes them: with the wrong database it would delete all logs.
    """
    return unless(left_logs(orphans.logs(scene.settings.data_dir)), "No logs of deleted runs.")


def left_logs(left: Sequence[Path]) -> Iterator[Finding]:
    if left:
        yield warning(
            f"{many(left, 'folder')} in {left[0].parent} of runs that this database does not have: "
            f"{some([folder.name for folder in left])}.",
            "If the database belongs to this data folder, the runs were deleted; delete the logs: "
            f"rm -r {' '.join(str(folder) for folder in left)}",
        )

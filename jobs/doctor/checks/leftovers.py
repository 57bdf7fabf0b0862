"""What attempts that are over, and runs that were deleted, left on this host."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jobs.doctor.checks.parts import live_reconcilers
from jobs.doctor.findings import Finding, unless, warning
from jobs.doctor.format import many, some
from jobs.doctor.scene import Scene
from jobs.reconciler import orphans


def workspaces(scene: Scene) -> list[Finding]:
    """A reconciler on this host removes them by itself, within half a minute."""
    left = orphans.folders(scene.settings.data_dir)
    is_looked_after = any(reconciler.is_here for reconciler in live_reconcilers())
    return unless([] if is_looked_after else left_folders(left), "None was left behind.")


def left_folders(left: Sequence[Path]) -> Iterator[Finding]:
    if left:
        yield warning(
            f"{many(left, 'workspace')} of attempts that are over in {left[0].parent}: "
            f"{some([folder.name for folder in left])}.",
            "A reconciler on this host removes them: galley up, or galley reconciler.",
        )


def processes(scene: Scene) -> list[Finding]:
    return unless(strays(orphans.processes()), "No process outlived its attempt.")


def strays(left: Mapping[int, str]) -> Iterator[Finding]:
    """left: process → the attempt it belongs to."""
    if left:
        named = [f"{pid} (of {cookie})" for pid, cookie in sorted(left.items())]
        yield warning(
            f"{many(left, 'process', 'processes')} of attempts that are over still run: "
            f"{some(named)}.",
            f"kill -9 {' '.join(str(pid) for pid in sorted(left))}",
        )


def logs(scene: Scene) -> list[Finding]:
    """No reconciler removes them: one with the wrong database would remove them all."""
    return unless(left_logs(orphans.logs(scene.settings.data_dir)), "All are of runs there are.")


def left_logs(left: Sequence[Path]) -> Iterator[Finding]:
    if left:
        yield warning(
            f"{many(left, 'folder')} in {left[0].parent} of runs that this database does not have: "
            f"{some([folder.name for folder in left])}.",
            "If it is the database of this data folder, the runs were deleted; remove them: "
            f"rm -r {' '.join(str(folder) for folder in left)}",
        )

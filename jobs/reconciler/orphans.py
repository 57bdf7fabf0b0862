"""Orphans on this host: workspaces and processes of lost attempts, logs of deleted runs.

`cleanup` removes the workspaces. `kill_strays` of jobs.scripts.process_tree kills the processes,
for a lost step and before a further attempt; `galley doctor` reports the rest.
"""

from pathlib import Path

from domain.models import Run, StepRun, is_id
from domain.statuses import RUNNING
from jobs.scripts import process_tree

_IDS_AT_ONCE = 500


def folders(data_dir: Path) -> list[Path]:
    """Return the workspaces of attempts that do not run (any more)."""
    named = {folder.name: folder for folder in (data_dir / "work").glob("*.*")}
    return [named[cookie] for cookie in named if _is_attempt(cookie) and not _runs(cookie)]


def processes() -> dict[int, str]:
    """Return processes of attempts that do not run (any more), each with its attempt.

    They belong to steps of this database: another Galley on this host may have its own.
    """
    carriers = process_tree.carriers()
    over = {
        cookie
        for cookie in set(carriers.values())
        if _is_attempt(cookie) and _is_ours(cookie) and not _runs(cookie)
    }
    return {pid: cookie for pid, cookie in carriers.items() if cookie in over}


def logs(data_dir: Path) -> list[Path]:
    """Return the log folders of runs that are not in this database (any more)."""
    named = {folder.name: folder for folder in (data_dir / "logs").glob("*") if is_id(folder.name)}
    ids, known = sorted(named), set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = Run.id.in_(ids[start : start + _IDS_AT_ONCE])
        known |= {run_id for (run_id,) in Run.select(Run.id).where(some).tuples()}
    return [named[run_id] for run_id in ids if run_id not in known]


def _is_attempt(cookie: str) -> bool:
    step_id, _, attempt = cookie.partition(".")
    return is_id(step_id) and attempt.isdecimal()


def _runs(cookie: str) -> bool:
    step_id, _, attempt = cookie.partition(".")
    running = (
        (StepRun.id == step_id) & (StepRun.attempt == int(attempt)) & (StepRun.status == RUNNING)
    )
    return bool(StepRun.select(StepRun.id).where(running).exists())


def _is_ours(cookie: str) -> bool:
    step_id = cookie.partition(".")[0]
    return bool(StepRun.select(StepRun.id).where(StepRun.id == step_id).exists())

"""What attempts that are over left on this host, because their worker died: folders, processes."""

from pathlib import Path

from domain.models import StepRun, is_id
from domain.statuses import RUNNING
from jobs import process_tree


def folders(data_dir: Path) -> list[Path]:
    """The workspaces of attempts that do not run (any more)."""
    named = {folder.name: folder for folder in (data_dir / "work").glob("*.*")}
    return [named[cookie] for cookie in named if _is_attempt(cookie) and not _runs(cookie)]


def processes() -> dict[int, str]:
    """Processes of attempts that do not run (any more), with the attempts they belong to.

    Only of steps in this database: another Galley on this host may have its own.
    """
    carriers = process_tree.carriers()
    over = {
        cookie
        for cookie in set(carriers.values())
        if _is_attempt(cookie) and _is_ours(cookie) and not _runs(cookie)
    }
    return {pid: cookie for pid, cookie in carriers.items() if cookie in over}


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

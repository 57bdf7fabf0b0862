"""Workspaces: one folder for each attempt, removed when it is over."""

import contextlib
import os
import shutil
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that scripts left in it, also what they made unreadable."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except PermissionError:
        _make_readable(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """Each folder before the walk goes down into it; links are not followed."""
    folder.chmod(0o700)
    for name, folders, _ in os.walk(folder):
        for inner in folders:
            path = Path(name, inner)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)

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
        for name, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                Path(name).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)

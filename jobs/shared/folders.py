"""Removing folders, whatever scripts left in them."""

import shutil
import subprocess
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that scripts left in it; never raises.

    What Python cannot remove, the system's own tools may: folders nested a thousand deep, or made
    unreadable. What even they leave is named by them on standard error.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(folder)], check=False)

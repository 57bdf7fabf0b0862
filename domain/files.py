"""Make changes of files durable."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Without it a name that was just given may be gone after a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Make changes of files durable."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a name just created in it survives a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Checks of the disks and of the storage, which has to store and return a small file."""

import io
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domain import disk as disks
from domain.releases.storage import StorageError, open_storage
from domain.settings import SettingError
from domain.system import checks
from domain.system.checks import Finding, fault, unless, warning
from domain.system.format import without_credentials
from jobs.doctor.scene import Scene


def storage(scene: Scene) -> list[Finding]:
    url = without_credentials(scene.settings.storage_url)
    return unless(_round_trip(scene, url), f"{url} stores and returns files.")


def _round_trip(scene: Scene, url: str) -> Iterator[Finding]:
    content = secrets.token_bytes(1000)
    came_back = False
    try:
        storage = open_storage(scene.settings)
        with storage.scratch() as trial, tempfile.TemporaryDirectory() as own:
            copy = Path(own) / "copy"
            trial.copy_to(trial.put(io.BytesIO(content)).sha256, copy)
            came_back = copy.read_bytes() == content
    except SettingError as error:
        yield fault(scene.reason(error), "Correct GALLEY_STORAGE_URL, or install its driver.")
        return
    except (StorageError, OSError) as error:
        if came_back:
            yield warning(
                f"A file could not be deleted from {url}: {scene.reason(error)}",
                "Allow Galley to delete files there.",
            )
            return
        yield fault(
            f"{url} does not store files: {scene.reason(error)}",
            "Check the disk, the permissions, and the credentials in the environment.",
        )


def disk(scene: Scene) -> list[Finding]:
    room = disks.look(scene.settings)
    return [checks.disk(room, disks.marks(scene.settings, room.folder))]

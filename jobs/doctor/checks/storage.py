"""Where packages and all else are kept: a small file goes in and comes back; room on the disks."""

import io
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domain.disk import FULL, OK, Room, look
from domain.releases.storage import StorageError, open_storage
from domain.settings import SettingError
from jobs.doctor.findings import Finding, fault, ok, unless, warning
from jobs.doctor.format import without_credentials
from jobs.doctor.scene import Scene


def storage(scene: Scene) -> list[Finding]:
    url = without_credentials(scene.settings.storage_url)
    return unless(_round_trip(scene, url), f"{url} keeps what is put into it.")


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
        yield fault(scene.told(error), "Correct GALLEY_STORAGE_URL, or install what the URL needs.")
        return
    except (StorageError, OSError) as error:
        if came_back:
            yield warning(
                f"What was put into {url} could not be removed: {scene.told(error)}",
                "Allow it to remove files there.",
            )
            return
        yield fault(
            f"What is put into {url} does not come back: {scene.told(error)}",
            "Look at the disk, at who may write there, and at the credentials in the environment.",
        )


def disk(scene: Scene) -> list[Finding]:
    return [room_left(look(scene.settings))]


def room_left(room: Room) -> Finding:
    """room: where there is least of it."""
    way_out = (
        "Make room, or change the marks (GALLEY_DISK_WARN_BYTES, GALLEY_DISK_STOP_BYTES). "
        "Where it went: du -xh --max-depth=2 " + room.folder
    )
    if room.state == FULL:
        return fault(str(room), way_out)
    return ok(str(room)) if room.state == OK else warning(str(room), way_out)

"""Two marks for the room on a disk, on a real one that is really full."""

import errno
import sqlite3
from pathlib import Path

import psycopg
import pytest

from domain import disk
from domain.disk import FULL, LOW, OK
from tests.conftest import settings_for
from tests.support.disks import SIZE, SmallDisk


def test_a_small_disk_can_be_used_until_a_small_share_of_it_is_left(small_disk: SmallDisk) -> None:
    settings = settings_for(small_disk.path)
    assert disk.look(settings).state == OK
    small_disk.fill(leave=SIZE // 15)
    assert disk.look(settings).state == LOW
    small_disk.fill(leave=SIZE // 100)
    assert disk.look(settings).state == FULL
    assert not disk.has_room(settings)
    small_disk.clear()
    assert disk.look(settings).state == OK


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ({"GALLEY_DISK_WARN_BYTES": str(SIZE // 2)}, OK),
        ({"GALLEY_DISK_WARN_BYTES": str(SIZE * 2)}, LOW),
        ({"GALLEY_DISK_STOP_BYTES": str(SIZE * 2)}, FULL),
        ({"GALLEY_DISK_STOP_BYTES": str(SIZE // 2)}, OK),
    ],
)
def test_a_mark_that_is_set_counts_as_it_is(
    small_disk: SmallDisk, marks: dict[str, str], state: str
) -> None:
    assert disk.look(settings_for(small_disk.path, **marks)).state == state


def test_marks_of_0_are_never_reached(small_disk: SmallDisk) -> None:
    small_disk.fill()
    marks = {"GALLEY_DISK_WARN_BYTES": "0", "GALLEY_DISK_STOP_BYTES": "0"}
    assert disk.look(settings_for(small_disk.path, **marks)).state == OK


@pytest.mark.parametrize(
    "setting",
    [
        {"GALLEY_STORAGE_URL": "file://{}/storage/not-yet-made"},
        {"DATABASE_URL": "sqlite:///{}/galley.db"},
        {"GALLEY_DATA_DIR": "{}/data"},
    ],
)
def test_the_fullest_disk_counts(
    small_disk: SmallDisk, tmp_path: Path, setting: dict[str, str]
) -> None:
    small_disk.fill()
    there = {name: value.format(small_disk.path) for name, value in setting.items()}
    room = disk.look(settings_for(tmp_path / "data", **there))
    assert (room.state, room.free_bytes) == (FULL, 0)
    assert room.folder.startswith(str(small_disk.path))
    assert "0 MiB free" in str(room)


def test_a_storage_elsewhere_has_no_disk_here(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, GALLEY_STORAGE_URL="s3://bucket/prefix")
    assert disk.look(settings).folder == str(tmp_path)
    assert disk.storage_folder(settings) is None
    assert disk.storage_folder(settings_for(tmp_path)) == f"{tmp_path}/storage"


def test_a_full_disk_is_recognised_behind_every_kind_of_error(small_disk: SmallDisk) -> None:
    database = sqlite3.connect(small_disk.path / "x.db")
    small_disk.fill()
    with pytest.raises(sqlite3.OperationalError) as of_sqlite:
        database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(OSError, match="space") as of_file:
        (small_disk.path / "y").write_bytes(bytes(10_000))
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = of_file.value
    found = (of_sqlite.value, of_file.value, wrapped, psycopg.errors.DiskFull())
    assert [disk.ran_out(error) for error in found] == [True] * 4


def test_other_errors_are_not_taken_for_a_full_disk() -> None:
    others = (OSError(errno.EACCES, "no"), psycopg.OperationalError("gone"), ValueError(), None)
    assert not any(map(disk.ran_out, others))

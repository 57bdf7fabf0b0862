"""The storage: a folder, or what fsspec reaches."""

import hashlib
import io
import os
import time
import uuid
from pathlib import Path

import pytest

from domain.releases.storage import (
    UNFINISHED_SECONDS,
    LocalStorage,
    RemoteStorage,
    StorageError,
    open_storage,
    remote,
)
from domain.settings import SettingError, load

CONTENT = b"a package" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "fsspec"])
def storage(request, tmp_path):
    if request.param == "folder":
        return LocalStorage(tmp_path / "storage")
    return RemoteStorage(*remote(f"memory://{uuid.uuid4().hex}/storage", "the test"))


def test_what_is_stored_is_found_by_its_sha256(storage):
    stored = storage.put(io.BytesIO(CONTENT))
    assert (stored.sha256, stored.size) == (SHA256, len(CONTENT))
    with storage.open(SHA256) as file:
        assert file.read() == CONTENT


def test_only_the_rest_of_the_source_is_stored(storage):
    source = io.BytesIO(b"before" + CONTENT)
    source.seek(6)
    assert storage.put(source).sha256 == SHA256


def test_the_same_content_can_be_stored_again(storage):
    assert storage.put(io.BytesIO(CONTENT)) == storage.put(io.BytesIO(CONTENT))


def test_an_empty_file_can_be_stored(storage, tmp_path):
    stored = storage.put(io.BytesIO(b""))
    storage.copy_to(stored.sha256, tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_copy_is_made_with_its_folders(storage, tmp_path):
    storage.put(io.BytesIO(CONTENT))
    storage.copy_to(SHA256, tmp_path / "a" / "b" / "engine.zip")
    assert (tmp_path / "a" / "b" / "engine.zip").read_bytes() == CONTENT


def test_what_is_missing_is_said(storage, tmp_path):
    with pytest.raises(StorageError, match=f"{SHA256} is missing"):
        storage.copy_to(SHA256, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def damage(storage, content: bytes) -> None:
    """Put other bytes under the name of CONTENT, behind the storage's back."""
    if isinstance(storage, LocalStorage):
        path = storage._path(SHA256)
        path.chmod(0o644)
        path.write_bytes(content)
    else:
        storage._files.pipe_file(storage._key(SHA256), content)


def test_a_damaged_file_is_never_handed_out(storage, tmp_path):
    storage.put(io.BytesIO(CONTENT))
    damage(storage, CONTENT.replace(b"a", b"b"))
    with pytest.raises(StorageError, match=r"engine\.zip is damaged"):
        storage.copy_to(SHA256, tmp_path / "engine.zip")
    assert not (tmp_path / "engine.zip").exists()


def test_a_stored_file_is_verified_by_reading_it(storage):
    storage.put(io.BytesIO(CONTENT))
    storage.verify(SHA256)
    damage(storage, CONTENT[:-1])
    with pytest.raises(StorageError, match="is damaged: its SHA-256 is"):
        storage.verify(SHA256)
    with pytest.raises(StorageError, match="is missing"):
        storage.verify("0" * 64)


def test_storing_again_mends_a_file_that_broke_off(storage, tmp_path):
    storage.put(io.BytesIO(CONTENT))
    damage(storage, CONTENT[:100])
    storage.put(io.BytesIO(CONTENT))
    storage.copy_to(SHA256, tmp_path / "copy")


def everything_in(storage) -> set[str]:
    if isinstance(storage, LocalStorage):
        return {str(path) for path in storage._packages.parent.parent.rglob("*")}
    return set(storage._files.find(storage._root))


@pytest.mark.parametrize("is_used", [True, False])
def test_trying_a_storage_out_leaves_it_as_it_was(storage, tmp_path, is_used):
    if is_used:
        storage.put(io.BytesIO(CONTENT))
    before = everything_in(storage)
    with storage.scratch() as scratch:
        scratch.put(io.BytesIO(b"a trial"))
        assert everything_in(storage) > before
        with pytest.raises(StorageError):
            scratch.open(SHA256)
    assert everything_in(storage) == before


class BreaksOff(io.BytesIO):
    def read(self, size=-1):
        if self.tell():
            raise OSError("the disk is gone")
        return super().read(10)


def test_a_source_that_breaks_off_leaves_nothing_in_the_folder(tmp_path):
    with pytest.raises(OSError, match="the disk is gone"):
        LocalStorage(tmp_path).put(BreaksOff(CONTENT))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_worker_had_begun_to_store_is_removed_a_day_later(tmp_path):
    storage = LocalStorage(tmp_path)
    kept = storage.put(io.BytesIO(b"whole"))
    old, young = (tmp_path / "packages" / f".incoming-{name}" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - UNFINISHED_SECONDS - 1,) * 2)
    storage.remove_unfinished()
    assert (old.exists(), young.exists()) == (False, True)
    storage.verify(kept.sha256)


def test_a_stored_file_is_read_only(tmp_path):
    storage = LocalStorage(tmp_path)
    storage.put(io.BytesIO(CONTENT))
    assert storage._path(SHA256).stat().st_mode & 0o777 == 0o444


def settings_with(url: str, tmp_path: Path):
    return load({"GALLEY_DATA_DIR": str(tmp_path), "GALLEY_STORAGE_URL": url})


def test_the_default_storage_is_a_folder_of_the_data_folder(tmp_path):
    open_storage(settings_with("", tmp_path)).put(io.BytesIO(CONTENT))
    assert (tmp_path / "storage" / "packages" / SHA256[:2] / SHA256).is_file()


@pytest.mark.parametrize("url", ["carrier-pigeon://loft", "dropbox://x"])
def test_a_storage_url_that_cannot_be_used_is_named(url, tmp_path):
    with pytest.raises(SettingError, match="GALLEY_STORAGE_URL cannot be used"):
        open_storage(settings_with(url, tmp_path))


# ---- set aside -------------------------------------------------------------------------------


def test_what_is_set_aside_can_still_be_read_and_comes_back(storage):
    storage.put(io.BytesIO(CONTENT))
    before = everything_in(storage)
    storage.set_aside(SHA256)
    storage.verify(SHA256)
    storage.take_back(SHA256)
    storage.verify(SHA256)
    assert before <= everything_in(storage)


def test_what_was_set_aside_is_stored_anew_and_that_copy_stays(storage):
    storage.put(io.BytesIO(CONTENT))
    storage.set_aside(SHA256)
    storage.put(io.BytesIO(CONTENT))
    storage.remove_aside(SHA256)
    storage.verify(SHA256)
    storage.set_aside(SHA256)
    storage.put(io.BytesIO(CONTENT))
    storage.take_back(SHA256)
    storage.remove_aside(SHA256)
    storage.verify(SHA256)


def test_what_was_set_aside_is_removed_for_good(storage):
    storage.put(io.BytesIO(CONTENT))
    storage.set_aside(SHA256)
    storage.remove_aside(SHA256)
    with pytest.raises(StorageError, match="is missing"):
        storage.open(SHA256)


def test_moving_what_is_not_there_does_nothing(storage):
    storage.set_aside(SHA256)
    storage.take_back(SHA256)
    storage.remove_aside(SHA256)
    with pytest.raises(StorageError):
        storage.open(SHA256)

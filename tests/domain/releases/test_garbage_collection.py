"""What becomes of the files of deleted releases, above all when somebody needs them again."""

import hashlib
import io
import uuid

import pytest

from domain.models import DiscardedFile, Package, Release, new_id, write
from domain.releases import garbage_collection
from domain.releases.garbage_collection import KEPT_MS, discard, tidy
from domain.releases.releases import NewPackage, record_release
from domain.releases.storage import LocalStorage, RemoteStorage, Storage, StorageError, remote
from tests.support.pipelines import a_project

DUCK = b"quack"
SHA256 = hashlib.sha256(DUCK).hexdigest()


@pytest.fixture(params=["folder", "fsspec"])
def storage(request, tmp_path) -> Storage:
    if request.param == "folder":
        return LocalStorage(tmp_path / "storage")
    return RemoteStorage(*remote(f"memory://{uuid.uuid4().hex}/storage", "the test"))


@pytest.fixture(autouse=True)
def project(database):
    return a_project()


def release(*sha256s: str) -> None:
    """What a Build does at its end, after it has stored the files."""
    packages = [NewPackage(f"{n}.txt", 5, sha256) for n, sha256 in enumerate(sha256s)]
    with write():
        record_release(
            ingredient_id="duck",
            version=None,
            packages=packages,
            run_id=new_id(),
            step_run_id=new_id(),
            created_by="ann",
        )


def delete_release(sha256: str = SHA256) -> None:
    with write():
        Release.delete().execute()
        discard([sha256])


def let_time_pass() -> None:
    with write():
        DiscardedFile.update(aside_since=DiscardedFile.aside_since - KEPT_MS - 1).execute()


def is_there(storage: Storage, sha256: str = SHA256) -> bool:
    try:
        storage.verify(sha256)
    except StorageError:
        return False
    return True


@pytest.fixture
def deleted(storage) -> Storage:
    """A release was made and deleted."""
    release(storage.put(io.BytesIO(DUCK)).sha256)
    delete_release()
    return storage


def test_a_file_that_nobody_needs_goes_in_time_and_not_at_once(deleted):
    tidy(lambda: deleted)
    assert is_there(deleted)
    tidy(lambda: deleted)
    assert is_there(deleted)
    let_time_pass()
    tidy(lambda: deleted)
    assert not is_there(deleted)
    assert not DiscardedFile.select().exists()


def test_a_file_that_another_release_has_as_well_stays(storage):
    other = storage.put(io.BytesIO(b"honk")).sha256
    release(storage.put(io.BytesIO(DUCK)).sha256)
    delete_release()
    discard([other])
    release(SHA256)
    for _ in range(3):
        tidy(lambda: storage)
        let_time_pass()
    assert is_there(storage)
    assert not is_there(storage, other)
    assert not DiscardedFile.select().exists()


def test_a_build_that_has_stored_the_same_before_still_finds_it(deleted):
    """It stored its file, or found that it was there, just before that was set aside."""
    deleted.put(io.BytesIO(DUCK))
    tidy(lambda: deleted)
    release(SHA256)
    assert is_there(deleted)
    tidy(lambda: deleted)
    let_time_pass()
    tidy(lambda: deleted)
    assert is_there(deleted)
    assert not DiscardedFile.select().exists()


def test_a_build_that_stores_the_same_afterwards_has_a_file_of_its_own(deleted):
    tidy(lambda: deleted)
    deleted.put(io.BytesIO(DUCK))
    let_time_pass()
    tidy(lambda: deleted)
    assert is_there(deleted)
    release(SHA256)
    tidy(lambda: deleted)
    assert is_there(deleted)


def test_what_is_discarded_again_has_all_its_time_again(deleted):
    tidy(lambda: deleted)
    deleted.put(io.BytesIO(DUCK))
    release(SHA256)
    let_time_pass()
    delete_release()
    assert DiscardedFile.get().aside_since is None
    tidy(lambda: deleted)
    assert is_there(deleted)
    let_time_pass()
    tidy(lambda: deleted)
    assert not is_there(deleted)


class BreaksOff(Exception):
    pass


@pytest.mark.parametrize("step", ["set_aside", "take_back", "remove_aside"])
def test_whoever_breaks_off_leaves_what_the_next_one_finishes(deleted, step):
    if step != "set_aside":
        tidy(lambda: deleted)
        let_time_pass()
    if step == "take_back":
        release(SHA256)

    class Dying:
        def __getattr__(self, name):
            def move(sha256):
                getattr(deleted, name)(sha256)
                raise BreaksOff

            return move

    with pytest.raises(BreaksOff):
        tidy(Dying)
    tidy(lambda: deleted)
    if step == "set_aside":
        assert is_there(deleted)
        let_time_pass()
        tidy(lambda: deleted)
    assert is_there(deleted) == (step == "take_back")
    assert not DiscardedFile.select().exists()


def test_a_file_that_is_not_there_is_forgotten_all_the_same(storage):
    discard([SHA256])
    tidy(lambda: storage)
    let_time_pass()
    tidy(lambda: storage)
    assert not DiscardedFile.select().exists()


def test_hundreds_of_files_are_discarded_and_each_only_once(storage):
    with write():
        discard([f"{n % 350:064x}" for n in range(700)])
    assert DiscardedFile.select().count() == 350


def test_where_nothing_is_due_the_storage_is_left_alone(deleted):
    tidy(lambda: deleted)
    tidy(lambda: pytest.fail("nothing is due"))


def test_what_takes_long_goes_on_the_next_time(storage, monkeypatch):
    discard(f"{n:064x}" for n in range(3))
    monkeypatch.setattr(garbage_collection, "BUDGET_SECONDS", -1.0)
    tidy(lambda: storage)
    assert DiscardedFile.select().where(DiscardedFile.aside_since.is_null()).count() == 3
    monkeypatch.setattr(garbage_collection, "BUDGET_SECONDS", 60.0)
    tidy(lambda: storage)
    assert not DiscardedFile.select().where(DiscardedFile.aside_since.is_null()).exists()


def test_a_release_is_whole_whenever_the_files_of_another_are_tidied_up(storage):
    """Every order of: store, release, delete the other, set aside, come back."""
    for moment in range(4):
        release(storage.put(io.BytesIO(DUCK)).sha256)
        delete_release()
        steps = [lambda: storage.put(io.BytesIO(DUCK)), lambda: release(SHA256)]
        for number, step in enumerate([*steps, lambda: None, lambda: None]):
            if number >= moment:
                tidy(lambda: storage)
            step()
        assert is_there(storage), moment
        assert Package.select().count() == 1

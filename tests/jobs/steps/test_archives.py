"""Unpacking archives, also hostile ones."""

import io
import stat
import tarfile
import zipfile

import pytest

from domain.engine import StepFailed
from jobs.steps.archives import is_archive, unpack


def tar(path, *members: tuple[str, bytes | str], mode: str = "w:gz"):
    """Members: (name, content) is a file, (name, kind) with kind such as `-> target` the others."""
    with tarfile.open(path, mode) as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if name.endswith(".sh") else 0o600
            if isinstance(what, bytes):
                info.size = len(what)
                archive.addfile(info, io.BytesIO(what))
                continue
            kind, _, info.linkname = what.partition(" ")
            kinds = {"->": tarfile.SYMTYPE, "=": tarfile.LNKTYPE, "/": tarfile.DIRTYPE}
            info.type = kinds.get(kind, tarfile.FIFOTYPE)
            archive.addfile(info)
    return path


def zipped(path, *members: tuple[str, bytes | str]):
    with zipfile.ZipFile(path, "w") as archive:
        for name, what in members:
            info = zipfile.ZipInfo(name)
            mode = stat.S_IFREG | (0o755 if name.endswith(".sh") else 0o600)
            if isinstance(what, str):
                mode, what = stat.S_IFLNK | 0o777, what.removeprefix("-> ").encode()
            info.external_attr = mode << 16
            archive.writestr(info, what)
    return path


def archive_of(kind: str, tmp_path, *members):
    if kind == "zip":
        return zipped(tmp_path / "a.zip", *members)
    return tar(tmp_path / "a.tar.gz", *members)


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "outer" / "into"
    folder.mkdir(parents=True)
    return folder


def found(folder) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


both = pytest.mark.parametrize("kind", ["tar", "zip"])


@both
def test_files_come_with_their_folders_and_who_may_execute_them(kind, tmp_path, into):
    members = [("./bin/run.sh", b"#!"), ("a/b/c.txt", b"c"), ("empty", b"")]
    unpack(archive_of(kind, tmp_path, *members), into)
    assert found(into) == {
        "bin/run.sh": (0o755, b"#!"),
        "a/b/c.txt": (0o644, b"c"),
        "empty": (0o644, b""),
    }
    assert (into / "a" / "b").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.tar", "w"),
        ("a.tgz", "w:gz"),
        ("A.TAR.GZ", "w:gz"),
        ("a.tar.bz2", "w:bz2"),
        ("a.tar.xz", "w:xz"),
    ],
)
def test_every_kind_of_tar_is_unpacked(name, mode, tmp_path, into):
    assert is_archive(name)
    unpack(tar(tmp_path / name, ("f", b"x"), ("d", "/"), mode=mode), into)
    assert (into / "f").read_bytes() == b"x"
    assert (into / "d").is_dir()


@pytest.mark.parametrize("name", ["engine.whl", "engine.jar", "engine", "tar", "notes.txt.gz"])
def test_other_files_are_no_archives(name):
    assert not is_archive(name)


@both
def test_links_inside_are_kept(kind, tmp_path, into):
    members = [("lib.so", "-> lib/lib.so.1"), ("lib/lib.so.1", b"elf"), ("lib/up", "-> ..")]
    unpack(archive_of(kind, tmp_path, *members), into)
    assert (into / "lib.so").readlink().as_posix() == "lib/lib.so.1"
    assert (into / "lib.so").read_bytes() == b"elf"


def test_a_hard_link_becomes_a_file_of_its_own(tmp_path, into):
    unpack(tar(tmp_path / "a.tar", ("a", b"x"), ("b", "= a"), mode="w"), into)
    assert found(into) == {"a": (0o644, b"x"), "b": (0o644, b"x")}


@both
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "a\\..\\evil"])
def test_names_that_lead_out_are_refused(kind, name, tmp_path, into):
    with pytest.raises(StepFailed, match="might lead out of its folder"):
        unpack(archive_of(kind, tmp_path, (name, b"x")), into)
    assert found(tmp_path / "outer") == {}


@both
@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "..", "a/../../x"])
def test_links_that_lead_out_are_refused(kind, target, tmp_path, into):
    with pytest.raises(StepFailed, match="leads out of its folder"):
        unpack(archive_of(kind, tmp_path, ("link", f"-> {target}")), into)


@both
def test_nothing_is_written_through_a_link(kind, tmp_path, into):
    members = [("d", "-> .."), ("d/evil", b"x")]
    with pytest.raises((StepFailed, OSError)):
        unpack(archive_of(kind, tmp_path, *members), into)
    assert not (tmp_path / "outer" / "evil").exists()


@both
def test_no_link_is_made_through_a_link(kind, tmp_path, into):
    members = [("d", "-> .."), ("d/evil", "-> x")]
    with pytest.raises((StepFailed, OSError)):
        unpack(archive_of(kind, tmp_path, *members), into)
    assert not (tmp_path / "outer" / "evil").is_symlink()


@both
def test_links_that_lead_out_only_together_are_refused(kind, tmp_path, into):
    members = [("d/x", b""), ("d/a", "-> l/../../x"), ("d/l", "-> ..")]
    with pytest.raises(StepFailed, match="leads out of its folder"):
        unpack(archive_of(kind, tmp_path, *members), into)


def test_devices_and_pipes_are_refused(tmp_path, into):
    with pytest.raises(StepFailed, match="'pipe', which is a device or a pipe"):
        unpack(tar(tmp_path / "a.tar.gz", ("pipe", "fifo")), into)


@pytest.mark.parametrize("target", ["nothing", "b", "d"])
def test_a_hard_link_to_no_file_is_refused(target, tmp_path, into):
    with pytest.raises(StepFailed, match="cannot be unpacked"):
        unpack(tar(tmp_path / "a.tar.gz", ("d", "/"), ("b", f"= {target}")), into)


@both
def test_an_archive_that_unpacks_to_too_much_is_refused(kind, tmp_path, into, monkeypatch):
    monkeypatch.setattr("jobs.steps.archives.MAX_BYTES", 1500)
    with pytest.raises(StepFailed, match="unpacks to more than"):
        unpack(archive_of(kind, tmp_path, ("a", bytes(1000)), ("b", bytes(1000))), into)


@both
def test_an_archive_of_too_many_files_is_refused(kind, tmp_path, into, monkeypatch):
    monkeypatch.setattr("jobs.steps.archives.MAX_MEMBERS", 2)
    with pytest.raises(StepFailed, match="more than 2 files"):
        unpack(archive_of(kind, tmp_path, *((name, b"") for name in "abc")), into)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2"])
@pytest.mark.parametrize("content", [b"no archive at all", b""])
def test_a_file_that_is_no_archive_is_refused(name, content, tmp_path, into):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StepFailed, match="cannot be unpacked"):
        unpack(path, into)


@both
def test_an_archive_that_broke_off_is_refused(kind, tmp_path, into):
    noise = bytes(n * n % 251 for n in range(50_000))
    path = archive_of(kind, tmp_path, ("a", noise), ("b", noise))
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(StepFailed, match="cannot be unpacked"):
        unpack(path, into)

"""The drivers of environments: how an artifact gets to where it is used.

A driver is called once for each deployment, and two never work for the same environment at a time.
It answers with an Outcome or raises StepFailed or OSError; either way it leaves what was deployed
before in place, as far as it can.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.engine import StepFailed, owned
from domain.releases.artifacts import Artifact
from domain.releases.storage import remote
from domain.statuses import SUCCEEDED
from jobs.shared.db_retry import until_answered
from jobs.shared.folders import remove_tree
from jobs.steps.archives import is_archive, unpack
from jobs.steps.context import Outcome, StepContext, outcome_of
from jobs.steps.environment import Folders, build_environment

DEFAULT_KEEP = 5
_UNFINISHED = ".galley-new-"


@dataclass(frozen=True)
class Delivery:
    """What goes where: `file` is a checked copy of the artifact in the step's own folder."""

    context: StepContext
    folders: Folders
    artifact: Artifact
    file: Path

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self.context.spec["settings"]
        return settings


# ---- script ----------------------------------------------------------------------------------


def by_script(delivery: Delivery) -> Outcome:
    """A script of the environment does it; its exit code decides."""
    context, artifact = delivery.context, delivery.artifact
    environment = {
        **build_environment(context, delivery.folders),
        "GALLEY_ARTIFACT": str(delivery.file),
        "GALLEY_TARGET": context.spec["target"],
        "GALLEY_INGREDIENT": artifact.ingredient_id,
        "GALLEY_VERSION": artifact.version,
    }
    script = delivery.settings["script"]
    return outcome_of(context.run_script(script, environment, delivery.folders.workspace))


# ---- storage ---------------------------------------------------------------------------------


def to_storage(delivery: Delivery) -> Outcome:
    """Copy to `<url>/<version>/<file name>`; credentials are those of the worker."""
    files, root = remote(delivery.settings["url"], "The url of the environment")
    until_answered(lambda: _check_owned(delivery))
    target = f"{root}/{delivery.artifact.version}/{delivery.file.name}"
    files.makedirs(target.rpartition("/")[0], exist_ok=True)
    files.put_file(str(delivery.file), target)
    size = files.info(target)["size"]
    if size != delivery.artifact.size:
        raise StepFailed(
            f"{target} has {size:,} bytes after the copy instead of {delivery.artifact.size:,}."
        )
    return Outcome(SUCCEEDED, f"Copied {delivery.artifact} to {target}.")


def _check_owned(delivery: Delivery) -> None:
    """The copy itself cannot be fenced; but a worker that was paused long ago stops here."""
    with owned(delivery.context.claim):
        pass


# ---- directory -------------------------------------------------------------------------------


def to_directory(delivery: Delivery) -> Outcome:
    """Unpack into `releases/<version>` below a folder, then switch its link `current` at once.

    A file that is no archive is copied into that folder. A folder in `releases` never changes: the
    same version with another content gets a name of its own, `<version>~2`.
    """
    root = Path(delivery.settings["path"])
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    with _alone_in(root):
        _check_link(root / "current")
        release = _place(delivery, releases)
        os.utime(release)  # its age is when it was last deployed, which decides what is kept
        until_answered(lambda: _switch_while_owned(delivery, root / "current", release))
        _tidy(delivery, releases, release)
    return Outcome(SUCCEEDED, f"{delivery.artifact} is current in {root} ({release.name}).")


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Environments may share a folder; without this they would clear away each other's work."""
    handle = os.open(root / ".galley-lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StepFailed(f"Something else is being deployed into {root} right now.") from None
    finally:
        os.close(handle)


def _check_link(current: Path) -> None:
    if current.exists() and not current.is_symlink():
        raise StepFailed(f"{current} is no link, so it cannot be switched; move it away first.")


def _place(delivery: Delivery, releases: Path) -> Path:
    """The folder with the artifact's content: a new one, or the one that has it already."""
    new = releases / f"{_UNFINISHED}{delivery.context.claim.token[:8]}"
    new.mkdir()
    new.chmod(0o755)
    try:
        if is_archive(delivery.file.name):
            unpack(delivery.file, new)
        else:
            copy = new / delivery.file.name
            shutil.copyfile(delivery.file, copy)
            copy.chmod(0o644)
        release = releases / delivery.artifact.version
        number = 1
        while os.path.lexists(release) and _digest(release) != _digest(new):
            number += 1
            release = releases / f"{delivery.artifact.version}~{number}"
        if not os.path.lexists(release):
            new.rename(release)
        return release
    finally:
        remove_tree(new)


def _digest(folder: Path) -> str:
    """Tells whether two folders hold the same: names, kinds, who may execute, content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        kind = f"\0{stat.S_IFMT(mode)} {mode & 0o111}\0"
        digest.update(os.fsencode(f"{path.relative_to(folder)}{kind}"))
        if stat.S_ISLNK(mode):
            digest.update(os.fsencode(path.readlink()))
        elif stat.S_ISREG(mode):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _switch_while_owned(delivery: Delivery, current: Path, release: Path) -> None:
    """Switch, unless the step was taken away.

    Inside a transaction: nobody can take the step away between the look and the switch, so a worker
    that was paused and replaced never overwrites what was deployed meanwhile. When the database
    goes away after the switch, it is made again: whoever still owns the step changes nothing by it.
    """
    with owned(delivery.context.claim):
        _switch(current, release)


def _switch(current: Path, release: Path) -> None:
    """Whoever looks sees the old release or the new one, never none."""
    link = current.with_name(f"{_UNFINISHED}current")
    link.unlink(missing_ok=True)
    link.symlink_to(release.relative_to(current.parent))
    link.replace(current)


def _tidy(delivery: Delivery, releases: Path, current: Path) -> None:
    """Keep only the last releases. Trouble with that is noted, but fails no deployment."""
    folders = [path for path in releases.iterdir() if path.is_dir() and not path.is_symlink()]
    whole = [path for path in folders if not path.name.startswith(".") and path != current]
    whole.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    keep = int(delivery.settings.get("keep", DEFAULT_KEEP))
    broken_off = [path for path in folders if path.name.startswith(_UNFINISHED)]
    for path in whole[max(keep, 1) - 1 :] + broken_off:
        try:
            remove_tree(path)
        except OSError as error:
            delivery.context.log.note(f"The old release {path} could not be removed: {error}")


DRIVERS: dict[str, Callable[[Delivery], Outcome]] = {
    "directory": to_directory,
    "script": by_script,
    "storage": to_storage,
}

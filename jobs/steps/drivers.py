"""The drivers of environments, which deliver artifacts.

A driver is called once per deployment, and only one works on an environment at a time. It returns
an Outcome, or raises StepFailed or OSError. If it fails, it leaves the previous deployment in place
as far as possible.
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
    """A deployment in progress. `file` is a checked copy of the artifact in the step's folder."""

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
    """Run the environment's script, whose exit code decides."""
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
    """Copy to `<url>/<version>/<file name>` with the worker's credentials."""
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
    """Stop a worker that was paused for long: the copy itself cannot check the lease."""
    with owned(delivery.context.claim):
        pass


# ---- directory -------------------------------------------------------------------------------


def to_directory(delivery: Delivery) -> Outcome:
    """Unpack into `<path>/releases/<version>`, then switch the link `<path>/current` atomically.

    A file that is not an archive is copied. Folders in `releases` never change: different content
    of the same version goes to `<version>~2`.
    """
    root = Path(delivery.settings["path"])
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        _check_link(root / "current")
        release = _prepare_release(delivery, releases)
        os.utime(release)  # the time of its last deployment decides whether it is deleted
        until_answered(lambda: _switch_while_owned(delivery, root / "current", release))
        _delete_old_releases(delivery, releases, release)
    return Outcome(SUCCEEDED, f"{delivery.artifact} is current in {root} ({release.name}).")


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Lock the folder, as environments that share it would delete each other's files."""
    handle = os.open(root / ".galley-lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StepFailed(f"Another deployment to {root} is in progress. Rerun later.") from None
    finally:
        os.close(handle)


def _check_link(current: Path) -> None:
    if current.exists() and not current.is_symlink():
        raise StepFailed(f"{current} is not a link. Move it away, then rerun.")


def _prepare_release(delivery: Delivery, releases: Path) -> Path:
    """Return a folder with the artifact's content, created if there is none yet."""
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
    """Return a digest of a folder: names, file types, executable bits and content."""
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
    """Switch the link in a transaction that holds the lease.

    So a worker that was paused and replaced never overwrites a later deployment. If the database
    fails after the switch, the switch is repeated, which is harmless while the lease is held.
    """
    with owned(delivery.context.claim):
        _switch(current, release)


def _switch(current: Path, release: Path) -> None:
    """Replace the link atomically, so that it is never missing."""
    link = current.with_name(f"{_UNFINISHED}current")
    link.unlink(missing_ok=True)
    link.symlink_to(release.relative_to(current.parent))
    link.replace(current)


def _delete_old_releases(delivery: Delivery, releases: Path, current: Path) -> None:
    """Delete unfinished releases, and all complete ones but the newest `keep`."""
    folders = [path for path in releases.iterdir() if path.is_dir() and not path.is_symlink()]
    complete = [path for path in folders if not path.name.startswith(".") and path != current]
    complete.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    keep = int(delivery.settings.get("keep", DEFAULT_KEEP))
    unfinished = [path for path in folders if path.name.startswith(_UNFINISHED)]
    for path in complete[max(keep, 1) - 1 :] + unfinished:
        remove_tree(path)


DRIVERS: dict[str, Callable[[Delivery], Outcome]] = {
    "directory": to_directory,
    "script": by_script,
    "storage": to_storage,
}

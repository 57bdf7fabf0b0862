"""Checks of the secret key: it exists, and secrets and steps were stored and signed with it."""

import json
from collections.abc import Iterator
from pathlib import Path

from domain.models import Run, Secret, StepRun
from domain.secret_key import Keys, WrongKey
from domain.settings import Settings
from domain.statuses import PENDING
from domain.system.checks import Finding, fault, ok, skipped, unless, warning
from domain.system.format import many, some
from jobs.doctor.scene import Scene
from jobs.worker.step_plan import load

SHORTEST = 32
"""Characters; domain/settings.py requires as many of GALLEY_SECRET_KEY."""
MOST = 200
"""The number of steps to check; a wrong key affects all of them."""
NO_KEY = "No secret key."


def secret_key(scene: Scene) -> list[Finding]:
    path = _path(scene.settings)
    if scene.settings.given_secret_key:
        return [ok("Set by GALLEY_SECRET_KEY.")]
    if not path.exists():
        return [
            warning(
                f"{path} does not exist; the next start creates a new key, which cannot read "
                "stored secrets.",
                "If there was one, restore it from a backup before Galley starts.",
            )
        ]
    if len(path.read_text()) < SHORTEST:
        return [
            fault(
                f"{path} has fewer than {SHORTEST} characters: it was cut off.",
                "Restore it from a backup. Or delete it, and Galley creates a new one: all users "
                "must sign in again, and all project secrets must be set again.",
            )
        ]
    return [ok(f"Stored in {path}.")]


def _path(settings: Settings) -> Path:
    return settings.data_dir / "secret_key"


def secrets(scene: Scene) -> list[Finding]:
    """Check that the key decrypts all project secrets, and that these fit their rows."""
    keys = _keys(scene.settings)
    if keys is None:
        return [skipped(NO_KEY)]
    lost, moved = [], []
    rows = list(Secret.select(Secret.project, Secret.name, Secret.value))
    for row in rows:
        stored_for = _stored_for(keys, row)
        if stored_for is None:
            lost.append(f"{row.project_id}/{row.name}")
        elif stored_for != [row.project_id, row.name]:
            moved.append(f"{row.project_id}/{row.name}")
    return unless([*unreadable(lost), *misplaced(moved)], f"{many(rows, 'secret')}, all readable.")


def snapshots(scene: Scene) -> list[Finding]:
    """Check that pending steps were signed with the key."""
    keys = _keys(scene.settings)
    if keys is None:
        return [skipped(NO_KEY)]
    to_run = (
        StepRun.select(StepRun.id, StepRun.name, Run.id, Run.number)
        .join(Run)
        .where(Run.completed_at.is_null() & (StepRun.status == PENDING) & ~StepRun.is_outside)
        .order_by(StepRun.id)
        .limit(MOST)
    )
    refused = [
        f"{step.name} of run {step.run.id} (#{step.run.number})"
        for step in list(to_run)
        if not load(step.id).is_as_signed(keys)
    ]
    return unless(unsigned(refused), "All pending steps are correctly signed.")


def _keys(settings: Settings) -> Keys | None:
    """Return the keys, or None without a key: `Settings.secret_key` would create one."""
    is_there = settings.given_secret_key or _path(settings).exists()
    return Keys(settings.secret_key()) if is_there else None


def unsigned(refused: list[str]) -> Iterator[Finding]:
    if refused:
        yield fault(
            f"{many(refused, 'step')} will be refused by the workers, because the secret key or "
            f"their rows have changed since the start: {some(refused)}.",
            "Restore the old key (GALLEY_SECRET_KEY, or secret_key in the data folder), or abort "
            "these runs and start new ones.",
        )


def unreadable(lost: list[str]) -> Iterator[Finding]:
    if lost:
        yield fault(
            f"{many(lost, 'secret')} stored under another secret key: {some(lost)}.",
            "Restore the old key (GALLEY_SECRET_KEY, or secret_key in the data folder). If it is "
            "lost, set these secrets again.",
        )


def misplaced(moved: list[str]) -> Iterator[Finding]:
    if moved:
        yield fault(
            f"{many(moved, 'secret')} stored for another project or under another name, so no "
            f"step gets them: {some(moved)}.",
            "The rows were changed in the database. Set these secrets again.",
        )


def _stored_for(keys: Keys, secret: Secret) -> list[str] | None:
    """Return the encrypted project and name; None if the key is another one."""
    try:
        *whose, _ = json.loads(keys.decrypt(secret.value))
    except WrongKey:
        return None
    except (ValueError, TypeError):  # a bare value, which Galley never stores
        return []
    return whose

"""The secret key: that there is one, and that things were stored and signed with it."""

import json
from collections.abc import Iterator
from pathlib import Path

from domain.models import Run, Secret, StepRun
from domain.secret_key import Keys, WrongKey
from domain.settings import Settings
from domain.statuses import PENDING
from jobs.doctor.findings import Finding, fault, ok, skipped, unless, warning
from jobs.doctor.format import many, some
from jobs.doctor.scene import Scene
from jobs.worker.step_plan import load

SHORTEST = 32
"""Characters; settings asks as much of a key that is given."""
MOST = 200
"""Steps that are looked at; where the key is another one, it is so for all."""
NO_KEY = "There is no key."


def secret_key(scene: Scene) -> list[Finding]:
    path = _path(scene.settings)
    if scene.settings.given_secret_key:
        return [ok("It is given by GALLEY_SECRET_KEY.")]
    if not path.exists():
        return [
            warning(
                f"{path} is not there; the next start makes a new one, which cannot read secrets "
                "that are stored already.",
                "If there was one, put it back from a backup before Galley starts.",
            )
        ]
    if len(path.read_text()) < SHORTEST:
        return [
            fault(
                f"{path} holds less than {SHORTEST} characters: it was cut off.",
                "Put it back from a backup; or remove it, and Galley makes a new one: everybody "
                "signs in again, and secrets of projects have to be set anew.",
            )
        ]
    return [ok(f"It is kept in {path}.")]


def _path(settings: Settings) -> Path:
    return settings.data_dir / "secret_key"


def secrets(scene: Scene) -> list[Finding]:
    """Whether the secrets of projects can be read with the key, and are what their rows say."""
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
    return unless([*unreadable(lost), *misplaced(moved)], f"All can be read ({len(rows)}).")


def snapshots(scene: Scene) -> list[Finding]:
    """Whether steps that are still to run were signed with the key."""
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
    return unless(unsigned(refused), "Every step that is still to run is as it was signed.")


def _keys(settings: Settings) -> Keys | None:
    """Looks before it asks for the key, for that would make one."""
    is_there = settings.given_secret_key or _path(settings).exists()
    return Keys(settings.secret_key()) if is_there else None


def unsigned(refused: list[str]) -> Iterator[Finding]:
    if refused:
        yield fault(
            f"{many(refused, 'step')} will be refused by the workers, for the secret key is not "
            f"the one of their start, or their rows were changed since: {some(refused)}.",
            "Give Galley the key it had (GALLEY_SECRET_KEY, or secret_key in the data folder), or "
            "abort these runs and start them anew.",
        )


def unreadable(lost: list[str]) -> Iterator[Finding]:
    if lost:
        yield fault(
            f"{many(lost, 'secret')} of projects were stored under another secret key: "
            f"{some(lost)}.",
            "Give Galley the key it had: as GALLEY_SECRET_KEY, or as secret_key in the data "
            "folder. If it is lost, set these secrets anew.",
        )


def misplaced(moved: list[str]) -> Iterator[Finding]:
    if moved:
        yield fault(
            f"{many(moved, 'secret')} of projects were stored for another project or under another "
            f"name, so no step is given them: {some(moved)}.",
            "Somebody changed these rows in the database. Set these secrets anew.",
        )


def _stored_for(keys: Keys, secret: Secret) -> list[str] | None:
    """The project and the name that the value was encrypted with; None under another key."""
    try:
        *whose, _ = json.loads(keys.decrypt(secret.value))
    except WrongKey:
        return None
    except (ValueError, TypeError):  # a value alone: such were never stored by Galley
        return []
    return whose

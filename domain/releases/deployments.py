"""Queries: what is deployed where. domain/engine/deployments.py changes it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peewee import JOIN, fn

from domain.accounts.access import Actor
from domain.models import Deployment, Environment, Release, Run, StepRun
from domain.models.run_facts import runs_by_id
from domain.pagination import Page, fetch, fetch_after
from domain.statuses import FAILED, LIVE, SUCCEEDED, UNKNOWN


@dataclass(frozen=True)
class Told:
    """A deployment with what it names; None for what was deleted since."""

    row: Deployment
    release: Release | None
    run: Run | None
    is_unknown: bool
    """Its worker was lost, and nobody has said yet whether it happened."""


@dataclass(frozen=True)
class Standing:
    """How an environment stands."""

    there: Told | None
    """What is in it, unless what was `lost` since has changed that."""
    lost: Told | None
    under_way: Told | None


@dataclass(frozen=True)
class Place:
    """Where a release is now."""

    environment: Environment
    is_certain: bool
    """False after a deployment of which nobody has said whether it happened."""


def list_environments(
    actor: Actor, page: Page, project_id: str | None = None
) -> tuple[list[Environment], int]:
    """The environments that the actor may read; of one project if it is named."""
    query = Environment.select().order_by(Environment.project, Environment.name)
    if project_id is not None:
        query = query.where(Environment.project == project_id)
    if not actor.is_system_admin:
        query = query.where(Environment.project.in_(list(actor.roles)))
    return fetch(query, page)


def standing(environments: Sequence[Environment]) -> dict[str, Standing]:
    """Environment id → how it stands; as many queries for many as for one."""
    given = list(environments)
    there, lost, under_way = deployed_now(given), lost_in(given), _under_way(given)
    told = {
        item.row.id: item for item in tell([*there.values(), *lost.values(), *under_way.values()])
    }

    def of(found: dict[str, Deployment], environment: Environment) -> Told | None:
        row = found.get(environment.id)
        return None if row is None else told[row.id]

    return {e.id: Standing(of(there, e), of(lost, e), of(under_way, e)) for e in given}


def _under_way(environments: Iterable[Environment]) -> dict[str, Deployment]:
    """Environment id → the deployment into it that goes on now."""
    rows = Deployment.select().where(
        Deployment.environment.in_([e.id for e in environments]), Deployment.status.in_(LIVE)
    )
    return {row.environment_id: row for row in rows}


def tell(rows: Sequence[Deployment]) -> list[Told]:
    """The deployments with what they name; as many queries for many as for one."""
    wanted = {row.release_id for row in rows if row.release_id is not None}
    releases = {row.id: row for row in Release.select().where(Release.id.in_(list(wanted)))}
    runs = runs_by_id(row.run_id for row in rows)
    unknown = _unknown(rows)
    return [
        Told(row, releases.get(row.release_id), runs.get(row.run_id), row.id in unknown)
        for row in rows
    ]


def _unknown(rows: Iterable[Deployment]) -> set[str]:
    """Ids of those of which nobody knows whether they happened."""
    found = (
        Deployment.select(Deployment.id)
        .join(StepRun, on=(StepRun.id == Deployment.step_run_id))
        .where(
            Deployment.id.in_([row.id for row in rows]),
            Deployment.status == FAILED,
            StepRun.outside_effect == UNKNOWN,
        )
    )
    return {deployment_id for (deployment_id,) in found.tuples()}


# ---- of releases -----------------------------------------------------------------------------


def deployments_of(
    release: Release, page: Page, cursor: str | None
) -> tuple[list[Deployment], int, str | None]:
    """Where a release was put, each with its environment, newest first; see `fetch_after`."""
    query = (
        Deployment.select(Deployment, Environment)
        .join(Environment)
        .where(Deployment.release == release.id)
    )
    return fetch_after(query, Deployment.id, page, cursor)


def places_of(releases: Sequence[Release]) -> dict[str, list[Place]]:
    """Release id → where it is now, by the names of the environments."""
    found: dict[str, list[Place]] = {release.id: [] for release in releases}
    ever = Deployment.select(Deployment.environment).where(Deployment.release.in_(list(found)))
    environments = list(
        Environment.select().where(Environment.id.in_(ever)).order_by(Environment.name)
    )
    there, lost = deployed_now(environments), lost_in(environments)
    for environment in environments:
        now, later = there.get(environment.id), lost.get(environment.id)
        is_certain = later is None
        for release_id in {row.release_id for row in (now, later) if row is not None}:
            if release_id in found:
                found[release_id].append(Place(environment, is_certain))
    return found


def of_steps(steps: Iterable[StepRun]) -> list[Deployment]:
    """What the steps did last to the outside, in their order, each with its environment.

    Of a step that a rerun kept, what it did in the run that it was kept from.
    """
    ids = [step.deployment_id for step in steps if step.deployment_id is not None]
    if not ids:
        return []
    rows = (
        Deployment.select(Deployment, Environment, Release)
        .join(Environment)
        .switch(Deployment)
        .join(Release, JOIN.LEFT_OUTER)
        .where(Deployment.id.in_(ids))
    )
    found = {row.id: row for row in rows}
    return [found[key] for key in dict.fromkeys(ids) if key in found]


def last_good(environment_id: str) -> str | None:
    """What the newest deployment that succeeded put there, such as `engine@1.2:engine.zip`."""
    newest = (
        Deployment.select(Deployment, Release)
        .join(Release, JOIN.LEFT_OUTER)
        .where((Deployment.environment == environment_id) & (Deployment.status == SUCCEEDED))
        .order_by(Deployment.id.desc())
        .first()
    )
    if newest is None:
        return None
    release = newest.release
    return (
        f"{release.ingredient_id}@{release.version}:{newest.artifact}"
        if release
        else newest.artifact
    )


def list_deployments(
    environment: Environment, page: Page, cursor: str | None
) -> tuple[list[Deployment], int, str | None]:
    """Newest first; see `fetch_after`."""
    query = Deployment.select().where(Deployment.environment == environment.id)
    return fetch_after(query, Deployment.id, page, cursor)


def deployed_now(environments: list[Environment]) -> dict[str, Deployment]:
    """Environment id → the deployment that is in it: the newest that succeeded."""
    newest = (
        Deployment.select(fn.MAX(Deployment.id))
        .where(
            Deployment.environment.in_([e.id for e in environments]),
            Deployment.status == SUCCEEDED,
        )
        .group_by(Deployment.environment)
    )
    rows = Deployment.select().where(Deployment.id.in_(newest))
    return {row.environment_id: row for row in rows}


def lost_in(environments: list[Environment]) -> dict[str, Deployment]:
    """Environment id → the newest deployment after `deployed_now` whose outcome nobody knows."""
    later = Deployment.alias()
    replaced = later.select(later.id).where(
        (later.environment == Deployment.environment)
        & (later.status == SUCCEEDED)
        & (later.id > Deployment.id)
    )
    lost = (
        Deployment.select()
        .join(StepRun, on=(StepRun.id == Deployment.step_run_id))
        .where(
            Deployment.environment.in_([e.id for e in environments]),
            Deployment.status == FAILED,
            StepRun.outside_effect == UNKNOWN,
            ~fn.EXISTS(replaced),
        )
        .order_by(Deployment.id)
    )
    return {row.environment_id: row for row in lost}

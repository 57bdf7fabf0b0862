"""Queries of environments and deployments; domain/engine/deployments.py writes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, fn

from domain.accounts.access import Actor
from domain.models import Deployment, Environment, Release, Run, StepRun
from domain.models.run_facts import runs_by_id
from domain.pagination import Page, fetch, fetch_after
from domain.statuses import FAILED, LIVE, SUCCEEDED, UNKNOWN


@dataclass(frozen=True)
class DeploymentDetails:
    """A deployment with its release and run; None for those deleted since."""

    row: Deployment
    release: Release | None
    run: Run | None
    is_unknown: bool
    """Its worker was lost, and its outcome has not been recorded yet."""


@dataclass(frozen=True)
class EnvironmentState:
    """The deployments that matter now in one environment."""

    current: DeploymentDetails | None
    """The newest that succeeded; a `lost` one may have replaced it since."""
    lost: DeploymentDetails | None
    in_progress: DeploymentDetails | None


@dataclass(frozen=True)
class Location:
    """An environment in which a release is, or may be, deployed."""

    environment: Environment
    is_certain: bool
    """False if the environment has a later deployment with an unknown outcome."""


def list_environments(
    actor: Actor, page: Page, project_id: str | None = None
) -> tuple[list[Environment], int]:
    """Return the environments that the actor may read, of one project if given."""
    query = Environment.select().order_by(Environment.project, Environment.name)
    if project_id is not None:
        query = query.where(Environment.project == project_id)
    if not actor.is_system_admin:
        query = query.where(Environment.project.in_(list(actor.roles)))
    return fetch(query, page)


def states_of(environments: Sequence[Environment]) -> dict[str, EnvironmentState]:
    """Return environment id → state; the number of queries is constant."""
    kinds = [deployed_now(environments), lost_in(environments), _in_progress(environments)]
    rows = [row for kind in kinds for row in kind.values()]
    details = {item.row.id: item for item in details_of(rows)}
    found: dict[str, EnvironmentState] = {}
    for environment in environments:
        mine = [kind.get(environment.id) for kind in kinds]
        found[environment.id] = EnvironmentState(*(row and details[row.id] for row in mine))
    return found


def _in_progress(environments: Iterable[Environment]) -> dict[str, Deployment]:
    rows = Deployment.select().where(
        Deployment.environment.in_([e.id for e in environments]), Deployment.status.in_(LIVE)
    )
    return {row.environment_id: row for row in rows}


def details_of(rows: Sequence[Deployment]) -> list[DeploymentDetails]:
    """Return the deployments with their releases and runs; the number of queries is constant."""
    release_ids = {row.release_id for row in rows if row.release_id is not None}
    releases = {row.id: row for row in Release.select().where(Release.id.in_(list(release_ids)))}
    runs = runs_by_id(row.run_id for row in rows)
    lost = {row.id for row in _lost().where(Deployment.id.in_([row.id for row in rows]))}
    return [
        DeploymentDetails(row, releases.get(row.release_id), runs.get(row.run_id), row.id in lost)
        for row in rows
    ]


# ---- of releases -----------------------------------------------------------------------------


def deployments_of(
    release: Release, page: Page, cursor: str | None
) -> tuple[list[Deployment], int, str | None]:
    """Return a release's deployments with their environments, newest first; see `fetch_after`."""
    query = (
        Deployment.select(Deployment, Environment)
        .join(Environment)
        .where(Deployment.release == release.id)
    )
    return fetch_after(query, Deployment.id, page, cursor)


def locations_of(releases: Sequence[Release]) -> dict[str, list[Location]]:
    """Return release id → where it is deployed now, by the names of the environments."""
    found: dict[str, list[Location]] = {release.id: [] for release in releases}
    ever = Deployment.select(Deployment.environment).where(Deployment.release.in_(list(found)))
    environments = list(
        Environment.select().where(Environment.id.in_(ever)).order_by(Environment.name)
    )
    current, lost = deployed_now(environments), lost_in(environments)
    for environment in environments:
        rows = (current.get(environment.id), lost.get(environment.id))
        for release_id in {row.release_id for row in rows if row is not None}:
            if release_id in found:
                found[release_id].append(Location(environment, environment.id not in lost))
    return found


def of_steps(steps: Iterable[StepRun]) -> list[Deployment]:
    """Return each step's latest deployment with its environment, in the steps' order.

    A reused step has the deployment of its original.
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
    """Return the artifact of the newest successful deployment, such as `engine@1.2:engine.zip`."""
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
    """Return an environment's deployments, newest first; see `fetch_after`."""
    query = Deployment.select().where(Deployment.environment == environment.id)
    return fetch_after(query, Deployment.id, page, cursor)


def deployed_now(environments: Iterable[Environment]) -> dict[str, Deployment]:
    """Return environment id → its current deployment: the newest that succeeded."""
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


def lost_in(environments: Iterable[Environment]) -> dict[str, Deployment]:
    """Return environment id → the newest deployment of unknown outcome after `deployed_now`."""
    later = Deployment.alias()
    replaced = later.select(later.id).where(
        (later.environment == Deployment.environment)
        & (later.status == SUCCEEDED)
        & (later.id > Deployment.id)
    )
    rows = (
        _lost()
        .where(
            Deployment.environment.in_([e.id for e in environments]),
            ~fn.EXISTS(replaced),
        )
        .order_by(Deployment.id)
    )
    return {row.environment_id: row for row in rows}


def _lost() -> Any:
    return (
        Deployment.select()
        .join(StepRun, on=(StepRun.id == Deployment.step_run_id))
        .where(Deployment.status == FAILED, StepRun.outside_effect == UNKNOWN)
    )

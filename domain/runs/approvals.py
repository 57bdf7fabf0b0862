"""Approvals: who may approve or reject a stage. `step_specs` fixes the roles at the start."""

from domain.accounts.access import ROLES, SUPER_USER, Actor, require, require_write
from domain.models import Run, StageRun


def approver_role(stage: StageRun) -> str:
    """Return the least role that may approve or reject the stage."""
    roles = (stage.approval or {}).get("roles") or [SUPER_USER]
    least: str = min(roles, key=ROLES.index)
    return least


def may_decide(run: Run, stage: StageRun, actor: Actor) -> bool:
    """Return whether the actor may approve or reject the stage. A read-only token never may."""
    return actor.may_write and actor.may(approver_role(stage), run.project_id)


def require_approver(stage: StageRun, actor: Actor) -> None:
    """Raise Forbidden unless the actor may approve or reject the stage."""
    require(actor, approver_role(stage), stage.run.project_id, kind="run", name=stage.run_id)
    require_write(actor)

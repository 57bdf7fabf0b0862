"""Permissions: pure rules, and the one query that loads a person's roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import Forbidden, NotFound
from domain.models import Member, Statement, User, given

USER = "User"
SUPER_USER = "SuperUser"
ADMIN = "Admin"
SYSTEM_ADMIN = "System_Admin"

PROJECT_ROLES = (USER, SUPER_USER, ADMIN)
ROLES = (*PROJECT_ROLES, SYSTEM_ADMIN)
"""In ascending order: each role may do everything that the ones before it may."""

READ = "read"
WRITE = "write"


@dataclass(frozen=True)
class Actor:
    """A person at this moment, acting through a session or a token."""

    user_id: str
    username: str
    is_system_admin: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    """Project id → role in it."""
    scope: str = WRITE
    address: str = ""

    @property
    def may_write(self) -> bool:
        return self.scope == WRITE

    def role_in(self, project_id: str) -> str | None:
        """Return the role in a project, or None for people outside it."""
        return SYSTEM_ADMIN if self.is_system_admin else self.roles.get(project_id)

    def may(self, role: str, project_id: str, *, changes: bool = True) -> bool:
        """Return whether the actor has `role` in the project.

        changes: False for reading something that needs more than the role User.
        """
        own = self.role_in(project_id)
        if own is None or ROLES.index(own) < ROLES.index(role):
            return False
        return role == USER or not changes or self.may_write

    def may_somewhere(self, role: str) -> bool:
        """Return whether the actor has `role` in any project."""
        return self.is_system_admin or any(self.may(role, project) for project in self.roles)


_ROLES = Statement(
    lambda: Member.select(Member.project, Member.role).where(Member.user == given("user_id"))
)


def actor_of(user: User, *, scope: str = WRITE, address: str = "") -> Actor:
    """Load a user's current roles."""
    roles = {} if user.is_system_admin else dict(_ROLES.rows(user_id=user.id))
    return Actor(user.id, user.username, user.is_system_admin, roles, scope, address)


def console(username: str = "console") -> Actor:
    """Return the user of the command line on the data folder, who may do everything."""
    return Actor("", username, is_system_admin=True, address="console")


def missing(kind: str, name: str) -> NotFound:
    """Return the same error for missing objects and for those hidden from this person."""
    return NotFound(f"There is no {kind} {name!r}, or you may not see it.")


def require(
    actor: Actor,
    role: str,
    project_id: str,
    *,
    kind: str = "project",
    name: str | None = None,
    changes: bool = True,
) -> None:
    """Check that the actor has `role` in the project.

    kind, name: the object requested, named in NotFound. changes: False for reading.
    Raises NotFound for people outside the project, Forbidden for members without the role.
    """
    if actor.role_in(project_id) is None:
        raise missing(kind, project_id if name is None else name)
    if not actor.may(role, project_id, changes=changes):
        raise _forbidden(role, actor.role_in(project_id))


def require_system_admin(actor: Actor, *, changes: bool = True) -> None:
    """Check that the actor is a System_Admin; `changes` is False for reading."""
    if not actor.is_system_admin or (changes and not actor.may_write):
        own = SYSTEM_ADMIN if actor.is_system_admin else None
        raise _forbidden(SYSTEM_ADMIN, own)


def require_write(actor: Actor) -> None:
    """Check that the actor may change at least their own account."""
    if not actor.may_write:
        raise _read_only(required=None, own=None)


def _forbidden(role: str, own: str | None) -> Forbidden:
    if own is not None and ROLES.index(own) >= ROLES.index(role):
        return _read_only(role, own)
    mine = f"yours is {own}" if own else "you have none here"
    who = "A System_Admin" if role == SYSTEM_ADMIN else "An Admin of the project"
    return Forbidden(
        f"This needs the role {role}; {mine}. {who} can change that.",
        requiredRole=role,
        yourRole=own,
        code="forbidden",
    )


def _read_only(required: str | None, own: str | None) -> Forbidden:
    return Forbidden(
        "This token is read-only. Use one with the scope write.",
        code="read_only_token",
        requiredRole=required,
        yourRole=own,
        requiredScope=WRITE,
        yourScope=READ,
    )

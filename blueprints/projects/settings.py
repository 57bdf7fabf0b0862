"""What the pages of a project's settings share: their frame, and that nothing is made twice."""

import contextlib
from collections.abc import Callable
from typing import Any

from flask import render_template

from blueprints.present import projects as present
from blueprints.shared.guards import current_actor
from domain.accounts.access import ADMIN, SUPER_USER
from domain.errors import NotFound, taken
from domain.models import Project

PREFIX = "/projects/<project_id>/settings"


def settings_page(template: str, project: Project, part: str, **context: Any) -> str:
    """A page of a project's settings. part: which of them, for the navigation at the side."""
    actor = current_actor()
    return render_template(
        f"projects/{template}.html",
        project=present.project(project, actor),
        part=part,
        role=actor.role_in(project.id),
        may_define=actor.may(SUPER_USER, project.id),
        may_manage=actor.may(ADMIN, project.id),
        **context,
    )


def refuse_taken(
    kind: str, name: str, get: Callable[[Project, str], Any], project: Project
) -> None:
    """A form for something new changes nothing that is there. Raises Conflict."""
    with contextlib.suppress(NotFound):
        get(project, name)
        raise taken(kind, name, "/name")

"""The frame of a project's settings, and the pages for the things that a project names."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from blueprints.requests.base import PageQuery
from blueprints.responses import projects as answers
from blueprints.responses.base import Answer
from blueprints.shared import pages
from blueprints.shared.forms import Form, saved
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import ADMIN
from domain.errors import NotFound, taken
from domain.models import Project
from domain.pagination import Page


def settings_page(template: str, project: Project, part: str, **context: Any) -> str:
    """Render a page of the settings. part: its navigation entry, "" for General."""
    actor = current_actor()
    return render_template(
        f"projects/{template}.html",
        project=answers.project(project, actor).model_dump(),
        part=part,
        role=actor.role_in(project.id),
        may_manage=actor.may(ADMIN, project.id),
        **context,
    )


def refuse_taken(
    kind: str, name: str, get: Callable[[Project, str], Any], project: Project
) -> None:
    """Raise Conflict if the name is taken."""
    with contextlib.suppress(NotFound):
        get(project, name)
        raise taken(kind, name, "/name")


@dataclass(frozen=True)
class NamedPages:
    """The pages of one kind of thing, such as test suites: a list, and a form for each.

    `add`, `put` and `remove` read the form that was sent, and return a message for the user.
    """

    part: str
    """Its address and the template of the list; the form's template lacks the final s."""
    noun: str
    role: str
    """The role that may create, change, and delete."""
    rows: Callable[[Project, Page], tuple[list[Any], int]]
    get: Callable[[Project, str], Any]
    answers: Callable[[list[Any]], Sequence[Answer]]
    add: Callable[[Project], str]
    put: Callable[[Project, str], str]
    remove: Callable[[Project, str], str] | None = None
    adds_in_list: bool = False
    """True if the list page holds the form for a new one."""
    context: Mapping[str, Any] = field(default_factory=dict)

    def blueprint(self, name: str) -> Blueprint:
        bp = Blueprint(name, __name__, url_prefix="/projects/<project_id>/settings")
        every, one = f"/{self.part}", f"/{self.part}/<name>"
        bp.get(every)(self.list_page)
        bp.post(every)(self.create)
        bp.get(one)(self.show)
        bp.post(one)(self.change)
        if self.remove:
            bp.post(f"{one}/delete")(self.delete)
        if not self.adds_in_list:
            bp.get(f"/new-{self.part[:-1]}")(self.new)
        return bp

    def list_page(self, project_id: str) -> ResponseReturnValue:
        return self._list(load_project(project_id), Form())

    def new(self, project_id: str) -> ResponseReturnValue:
        return self._form(load_project(project_id, self.role), None, Form())

    def show(self, project_id: str, name: str) -> ResponseReturnValue:
        project = load_project(project_id)
        return self._form(project, self._load(project, name), Form())

    def create(self, project_id: str) -> ResponseReturnValue:
        project = load_project(project_id, self.role)
        return self._do(project, None, lambda: self.add(project))

    def change(self, project_id: str, name: str) -> ResponseReturnValue:
        project = load_project(project_id, self.role)
        return self._do(project, self._load(project, name), lambda: self.put(project, name))

    def delete(self, project_id: str, name: str) -> ResponseReturnValue:
        project = load_project(project_id, self.role)
        remove = partial(cast(Callable[[Project, str], str], self.remove), project, name)
        return self._do(project, self._load(project, name), remove)

    def _load(self, project: Project, name: str) -> dict[str, Any]:
        return self.answers([self.get(project, name)])[0].model_dump()

    def _do(
        self, project: Project, item: dict[str, Any] | None, action: Callable[[], str]
    ) -> ResponseReturnValue:
        """Redirect to the list, or show the form again if the action is refused."""

        def save() -> ResponseReturnValue:
            flash(action(), "good")
            return redirect(f"/projects/{project.id}/settings/{self.part}", 303)

        is_in_list = item is None and self.adds_in_list
        return saved(
            save,
            lambda form: (
                self._list(project, form) if is_in_list else self._form(project, item, form)
            ),
        )

    def _list(self, project: Project, form: Form) -> str:
        query = pages.read_query(PageQuery)
        rows, total = self.rows(project, query.as_page())
        items = [answer.model_dump() for answer in self.answers(rows)]
        listing = pages.listing(items, total, query)
        return self._page(self.part, project, listing=listing, form=form)

    def _form(self, project: Project, item: dict[str, Any] | None, form: Form) -> str:
        """Render the form. item: None for a new one."""
        return self._page(self.part[:-1], project, item=item, form=form)

    def _page(self, template: str, project: Project, **context: Any) -> str:
        return settings_page(
            template,
            project,
            self.part,
            noun=self.noun,
            needed=self.role,
            may_change=current_actor().may(self.role, project.id),
            **self.context,
            **context,
        )

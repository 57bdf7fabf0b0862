"""Every route, tried by everybody in every way. A route that is missing from the table fails."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Map

from domain.accounts.access import ADMIN, ROLES, SUPER_USER, SYSTEM_ADMIN, USER, Actor
from domain.editor import drafts
from domain.models import Project, StageRun
from domain.runs import external_completion
from domain.secret_key import Keys
from tests.conftest import KINDS
from tests.support.people import People, Person
from tests.support.world import World

PUBLIC = "public"
SIGNED_IN = "signed in"
ROLE_OF = {
    "stranger": None,
    "user": USER,
    "superuser": SUPER_USER,
    "admin": ADMIN,
    "sysadmin": SYSTEM_ADMIN,
}

Arrange = Callable[[World, Person], dict[str, Any]]


def nothing(_world: World, _person: Person) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Route:
    """`needs` a role in the project, or PUBLIC, SIGNED_IN, SYSTEM_ADMIN (of the installation).

    arrange: makes what the address names and gives the values of its variables; `json` among them
    is the body, `data` a form. Called before each request, so that a change can be made each time.
    """

    method: str
    rule: str
    needs: str
    status: int = 200
    arrange: Arrange = nothing
    stores: bool = True
    """False for a POST that only asks."""

    @property
    def is_change(self) -> bool:
        return self.method != "GET" and self.stores

    @property
    def is_of_project(self) -> bool:
        return self.needs in ROLES and not self.is_of_system

    @property
    def is_of_system(self) -> bool:
        return self.needs == SYSTEM_ADMIN

    @property
    def is_page(self) -> bool:
        return not self.rule.startswith(("/api/", "/metrics"))


def of_project(**more: Any) -> Arrange:
    return lambda world, _: {"project_id": world.project.id, **more}


def project_and(name: str, make: Callable[[World], Any], **more: Any) -> Arrange:
    return lambda world, _: {"project_id": world.project.id, name: make(world), **more}


def suite(**more: Any) -> Arrange:
    return project_and("name", World.test_suite, **more)


def secret(**more: Any) -> Arrange:
    return project_and("name", World.secret, **more)


def environment(**more: Any) -> Arrange:
    return project_and("name", lambda world: world.environment().name, **more)


def ingredient(**more: Any) -> Arrange:
    return lambda world, _: {"ingredient_id": world.ingredient().id, **more}


def new_ingredient(world: World, _: Person) -> dict[str, Any]:
    name = world.name("new")
    return {"json": {"id": name, "projectId": world.project.id, "name": name}}


def release(world: World, _: Person) -> dict[str, Any]:
    return {"release_id": world.release().id}


def package(world: World, _: Person) -> dict[str, Any]:
    made = world.release()
    return {"release_id": made.id, "path": world.package(made).path}


def workflow(**more: Any) -> Arrange:
    return lambda world, _: {"workflow_id": world.workflow().id, **more}


def new_workflow(world: World, _: Person) -> dict[str, Any]:
    return {"json": {"projectId": world.project.id, **definition(world)}}


def changed_workflow(world: World, _: Person) -> dict[str, Any]:
    return {"workflow_id": world.workflow().id, "json": definition(world)}


def new_draft(world: World, _: Person) -> dict[str, Any]:
    return {"data": {"projectId": world.project.id, "name": world.name("flow")}}


def draft(world: World, person: Person) -> dict[str, Any]:
    """Of the person who asks; nobody else has it."""
    row = drafts.begin(Actor(person.user.id, "x"), world.project, world.name("flow"))
    return {"draft_id": row.id}


def definition(world: World) -> dict[str, Any]:
    step = {"name": "build", "type": "Build", "configuration": {"ingredientId": "part"}}
    stage = {"name": "one", "order": 1, "steps": [step]}
    return {"name": world.name("flow"), "description": "", "stages": [stage]}


def gated() -> Arrange:
    """A stage that waits for a person."""

    def arrange(world: World, _: Person) -> dict[str, Any]:
        step = world.run()
        asked = {"required": True, "roles": [SUPER_USER]}
        StageRun.update(approval=asked).where(StageRun.id == step.stage_id).execute()
        return {"run_id": step.run_id, "stage_run_id": step.stage_id}

    return arrange


def run(json: Any = None, **step: Any) -> Arrange:
    def arrange(world: World, _: Person) -> dict[str, Any]:
        made = world.run(**step)
        values = {"run_id": made.run_id, "step_run_id": made.id, "stage_run_id": made.stage_id}
        return values if json is None else {**values, "json": json}

    return arrange


def waiting_outside(**data: Any) -> Arrange:
    """A step that somebody outside completes. data: of the form."""
    return lambda world, _: run(is_outside=True, ready_at=1)(world, _) | {"data": data}


def one_time_address(world: World, _: Person) -> dict[str, Any]:
    step = world.run(is_outside=True, ready_at=1)
    secret = external_completion.secret_of(step, Keys(world.settings.secret_key()))
    return {"secret": secret, "json": {"success": True}}


def uploaded(world: World, _: Person) -> dict[str, Any]:
    step = world.run()
    return {"run_id": step.run_id, "log_name": world.uploaded(step)}


def log_to_upload(world: World, _: Person) -> dict[str, Any]:
    return {"run_id": world.run().run_id, "data": {"file": (io.BytesIO(b"ok"), "unit.log")}}


def finished(world: World, _: Person) -> dict[str, Any]:
    return {"run_id": world.ended_run().run_id}


def with_a_test(world: World, _: Person) -> dict[str, Any]:
    step = world.run(type="Test")
    test_id = world.test_result(step)
    body = {"status": "Approved"}
    return {"run_id": step.run_id, "step_run_id": step.id, "test_id": test_id, "json": body}


def reviewed(world: World, person: Person) -> dict[str, Any]:
    """The same by the form of a page."""
    values = with_a_test(world, person)
    values["data"] = values.pop("json")
    return values


def ended(**values: Any) -> Arrange:
    """A run that failed: its one step is a Deploy of which nobody knows the outcome."""

    def arrange(world: World, _: Person) -> dict[str, Any]:
        step = world.ended_run(type="Deploy", outside_effect="unknown")
        return {"run_id": step.run_id, "step_run_id": step.id, **values}

    return arrange


def user(**more: Any) -> Arrange:
    return lambda world, _: {"username": world.username(), **more}


def new(kind: str, field: str = "name", **data: Any) -> Arrange:
    """The form of a page for something new in the project."""
    return lambda world, _: {
        "project_id": world.project.id,
        "data": {field: world.name(kind), **data},
    }


def new_secret(world: World, _: Person) -> dict[str, Any]:
    data = {"name": world.name("NEW").replace("-", "_"), "value": "battery staple"}
    return {"project_id": world.project.id, "data": data}


def new_member(world: World, _: Person) -> dict[str, Any]:
    data = {"username": world.username(), "role": "User"}
    return {"project_id": world.project.id, "data": data}


def own_ingredient(**more: Any) -> Arrange:
    return project_and("name", lambda world: world.ingredient().id, **more)


def new_user(world: World, _: Person) -> dict[str, Any]:
    return {"data": {"username": world.name("new"), "isSystemAdmin": "false"}}


def token_of_a_user(world: World, person: Person) -> dict[str, Any]:
    return {"username": world.username(), "token_id": world.token(person)}


def own_token(world: World, person: Person) -> dict[str, Any]:
    return {"token_id": world.token(person)}


FACTS = {"displayName": "New", "email": "", "isSystemAdmin": False}
SCRIPT_PLACE = {"driver": "script", "settings": {"script": "true"}}
SCRIPT_FORM = {"driver": "script", "settings.script": "true"}
SETTINGS = "/projects/<project_id>/settings"

TABLE = [
    # pages and probes
    Route("GET", "/", PUBLIC, 302),
    Route("GET", "/login", PUBLIC),
    Route("POST", "/login", PUBLIC, 422),
    Route("POST", "/logout", PUBLIC, 303),
    Route("POST", "/theme", PUBLIC, 303),
    Route("POST", "/shortcuts", PUBLIC, 303),
    Route("GET", "/styleguide", PUBLIC, 404),  # only in development
    Route("GET", "/workflows/new", SIGNED_IN),
    Route("POST", "/workflows/new", SUPER_USER, 303, new_draft),
    Route("GET", "/workflows/<workflow_id>/edit", SUPER_USER, 302, workflow()),
    Route("GET", "/drafts/<draft_id>", SUPER_USER, 200, draft),
    Route("POST", "/drafts/<draft_id>", SUPER_USER, 303, draft),
    Route("GET", "/drafts/<draft_id>/source", SUPER_USER, 200, draft),
    Route("POST", "/drafts/<draft_id>/source", SUPER_USER, 422, draft),
    Route("GET", "/workflows/<workflow_id>/history", USER, 200, workflow()),
    Route("GET", "/workflows/<workflow_id>/history/<int:number>", USER, 200, workflow(number=1)),
    Route(
        "POST",
        "/workflows/<workflow_id>/history/<int:number>/restore",
        SUPER_USER,
        303,
        workflow(number=1),
    ),
    Route("POST", "/drafts/<draft_id>/save", SUPER_USER, 422, draft),
    Route("POST", "/drafts/<draft_id>/discard", SUPER_USER, 303, draft),
    Route("GET", "/drafts/<draft_id>/conflicts", SUPER_USER, 303, draft),
    Route("POST", "/drafts/<draft_id>/conflicts", SUPER_USER, 303, draft),
    Route("GET", "/healthz", PUBLIC),
    Route("GET", "/readyz", PUBLIC),
    Route("GET", "/metrics", SIGNED_IN),
    Route("GET", "/workflows", SIGNED_IN),
    Route("GET", "/workflows/list", SIGNED_IN),
    Route("GET", "/workflows/<workflow_id>", USER, 200, workflow()),
    Route("GET", "/workflows/<workflow_id>/latest", USER, 200, workflow()),
    Route("GET", "/workflows/<workflow_id>/latest/status", USER, 200, workflow()),
    Route("POST", "/workflows/<workflow_id>/runs", SUPER_USER, 303, workflow()),
    Route("POST", "/workflows/<workflow_id>/enable", SUPER_USER, 303, workflow()),
    Route("POST", "/workflows/<workflow_id>/disable", SUPER_USER, 303, workflow()),
    Route("POST", "/workflows/<workflow_id>/copy", SUPER_USER, 303, workflow()),
    Route("POST", "/workflows/<workflow_id>/delete", SUPER_USER, 303, workflow()),
    Route("POST", "/workflows/<workflow_id>/restore", SUPER_USER, 303, workflow()),
    Route("GET", "/runs", SIGNED_IN),
    Route("GET", "/runs/list", SIGNED_IN),
    Route("GET", "/runs/<run_id>", USER, 200, run()),
    Route("GET", "/runs/<run_id>/status", USER, 200, run()),
    Route("GET", "/runs/<run_id>/steps/<step_run_id>/log", USER, 200, run()),
    Route("GET", "/runs/<run_id>/steps/<step_run_id>/log/search", USER, 200, run()),
    Route("GET", "/runs/<run_id>/compare", USER, 200, run()),
    Route("GET", "/runs/<run_id>/steps/<step_run_id>/tests", USER, 200, run()),
    Route(
        "POST",
        "/runs/<run_id>/steps/<step_run_id>/tests/<test_id>/review",
        SUPER_USER,
        303,
        reviewed,
    ),
    Route("POST", "/runs/<run_id>/abort", SUPER_USER, 303, run()),
    Route("GET", "/runs/<run_id>/rerun", SUPER_USER, 200, ended()),
    Route("POST", "/runs/<run_id>/rerun", SUPER_USER, 303, ended()),
    Route("POST", "/runs/<run_id>/steps/<step_run_id>/abort", SUPER_USER, 303, run()),
    Route(
        "POST",
        "/runs/<run_id>/steps/<step_run_id>/complete",
        SUPER_USER,
        303,
        waiting_outside(success="true"),
    ),
    Route(
        "POST",
        "/runs/<run_id>/steps/<step_run_id>/outcome",
        SUPER_USER,
        303,
        ended(data={"happened": "true"}),
    ),
    Route("POST", "/runs/<run_id>/stages/<stage_run_id>/approve", SUPER_USER, 303, gated()),
    Route("POST", "/runs/<run_id>/stages/<stage_run_id>/reject", SUPER_USER, 303, gated()),
    # the pages of projects
    Route("GET", "/projects", SIGNED_IN),
    Route(
        "POST",
        "/projects",
        SYSTEM_ADMIN,
        303,
        lambda world, _: {"data": {"id": world.name("new"), "name": "New"}},
    ),
    Route("GET", SETTINGS, USER, 200, of_project()),
    Route("POST", SETTINGS, ADMIN, 303, of_project(data={"name": "New"})),
    Route("GET", f"{SETTINGS}/members", USER, 200, of_project()),
    Route("POST", f"{SETTINGS}/members", ADMIN, 303, new_member),
    Route(
        "POST",
        f"{SETTINGS}/members/<username>/remove",
        ADMIN,
        303,
        project_and("username", World.member),
    ),
    Route("GET", f"{SETTINGS}/testsuites", USER, 200, of_project()),
    Route("GET", f"{SETTINGS}/new-testsuite", SUPER_USER, 200, of_project()),
    Route("POST", f"{SETTINGS}/testsuites", SUPER_USER, 303, new("suite", script="true")),
    Route("GET", f"{SETTINGS}/testsuites/<name>", USER, 200, suite()),
    Route("POST", f"{SETTINGS}/testsuites/<name>", SUPER_USER, 303, suite(data={"script": "true"})),
    Route("POST", f"{SETTINGS}/testsuites/<name>/delete", SUPER_USER, 303, suite()),
    Route("GET", f"{SETTINGS}/environments", USER, 200, of_project()),
    Route("GET", f"{SETTINGS}/new-environment", SUPER_USER, 200, of_project()),
    Route("POST", f"{SETTINGS}/environments", SUPER_USER, 303, new("place", **SCRIPT_FORM)),
    Route("GET", f"{SETTINGS}/environments/<name>", USER, 200, environment()),
    Route(
        "POST", f"{SETTINGS}/environments/<name>", SUPER_USER, 303, environment(data=SCRIPT_FORM)
    ),
    Route("POST", f"{SETTINGS}/environments/<name>/delete", SUPER_USER, 303, environment()),
    Route("GET", f"{SETTINGS}/ingredients", USER, 200, of_project()),
    Route("GET", f"{SETTINGS}/new-ingredient", SUPER_USER, 200, of_project()),
    Route("POST", f"{SETTINGS}/ingredients", SUPER_USER, 303, new("part", "id", name="New")),
    Route("GET", f"{SETTINGS}/ingredients/<name>", USER, 200, own_ingredient()),
    Route(
        "POST",
        f"{SETTINGS}/ingredients/<name>",
        SUPER_USER,
        303,
        own_ingredient(data={"name": "New"}),
    ),
    Route("GET", f"{SETTINGS}/secrets", USER, 200, of_project()),
    Route("POST", f"{SETTINGS}/secrets", ADMIN, 303, new_secret),
    Route("GET", f"{SETTINGS}/secrets/<name>", USER, 200, secret()),
    Route(
        "POST", f"{SETTINGS}/secrets/<name>", ADMIN, 303, secret(data={"value": "battery staple"})
    ),
    Route("POST", f"{SETTINGS}/secrets/<name>/delete", ADMIN, 303, secret()),
    # the pages of people
    Route("GET", "/admin/users", SYSTEM_ADMIN),
    Route("POST", "/admin/users", SYSTEM_ADMIN, 303, new_user),
    Route("GET", "/admin/new-user", SYSTEM_ADMIN),
    Route("GET", "/admin/users/<username>", SYSTEM_ADMIN, 200, user()),
    Route("POST", "/admin/users/<username>", SYSTEM_ADMIN, 303, user(data=FACTS)),
    Route(
        "POST",
        "/admin/users/<username>/password",
        SYSTEM_ADMIN,
        303,
        user(data={"password": "battery staple"}),
    ),
    Route(
        "POST",
        "/admin/users/<username>/tokens/<token_id>/revoke",
        SYSTEM_ADMIN,
        303,
        token_of_a_user,
    ),
    Route("POST", "/admin/users/<username>/delete", SYSTEM_ADMIN, 303, user()),
    Route("GET", "/account", SIGNED_IN),
    Route("GET", "/account/new-password", SIGNED_IN, 302),
    Route("GET", "/account/tokens", SIGNED_IN, 302),
    Route(
        "POST", "/account", SIGNED_IN, 303, lambda *_: {"data": {"displayName": "", "email": ""}}
    ),
    # Everybody may try; these people have no password that could be the right one.
    Route(
        "POST",
        "/account/new-password",
        SIGNED_IN,
        403,
        lambda *_: {"data": {"password": "battery staple", "currentPassword": "a guess"}},
    ),
    Route("POST", "/account/tokens", SIGNED_IN, 200, lambda *_: {"data": {"name": "mine"}}),
    Route("POST", "/account/tokens/<token_id>/revoke", SIGNED_IN, 303, own_token),
    # what was made and where it went
    Route("GET", "/ingredients", SIGNED_IN),
    Route("GET", "/ingredients/<ingredient_id>", USER, 200, ingredient()),
    Route("GET", "/releases/<release_id>", USER, 200, release),
    Route("GET", "/environments", SIGNED_IN),
    Route("GET", "/environments/<project_id>/<name>", USER, 200, environment()),
    # the installation
    Route("GET", "/admin", SYSTEM_ADMIN, 302),
    Route("GET", "/admin/audit", SYSTEM_ADMIN),
    Route("GET", "/admin/system", SYSTEM_ADMIN),
    Route("GET", "/admin/system/state", SYSTEM_ADMIN),
    Route("GET", "/api/openapi.json", PUBLIC),
    Route("GET", "/api/docs", PUBLIC),
    # projects
    Route("GET", "/api/projects", SIGNED_IN),
    Route(
        "POST",
        "/api/projects",
        SYSTEM_ADMIN,
        201,
        lambda world, _: {"json": {"id": world.name("new"), "name": "New"}},
    ),
    Route("GET", "/api/projects/<project_id>", USER, 200, of_project()),
    Route("PUT", "/api/projects/<project_id>", ADMIN, 200, of_project(json={"name": "New"})),
    Route("GET", "/api/projects/<project_id>/members", USER, 200, of_project()),
    Route(
        "GET",
        "/api/projects/<project_id>/members/<username>",
        USER,
        200,
        project_and("username", World.member),
    ),
    Route(
        "PUT",
        "/api/projects/<project_id>/members/<username>",
        ADMIN,
        201,
        project_and("username", World.username, json={"role": "User"}),
    ),
    Route(
        "DELETE",
        "/api/projects/<project_id>/members/<username>",
        ADMIN,
        204,
        project_and("username", World.member),
    ),
    Route("GET", "/api/projects/<project_id>/testsuites", USER, 200, of_project()),
    Route("GET", "/api/projects/<project_id>/testsuites/<name>", USER, 200, suite()),
    Route(
        "PUT",
        "/api/projects/<project_id>/testsuites/<name>",
        SUPER_USER,
        200,
        suite(json={"script": "true"}),
    ),
    Route("DELETE", "/api/projects/<project_id>/testsuites/<name>", SUPER_USER, 204, suite()),
    Route("GET", "/api/projects/<project_id>/environments", USER, 200, of_project()),
    Route("GET", "/api/projects/<project_id>/environments/<name>", USER, 200, environment()),
    Route(
        "PUT",
        "/api/projects/<project_id>/environments/<name>",
        SUPER_USER,
        200,
        environment(json=SCRIPT_PLACE),
    ),
    Route(
        "DELETE", "/api/projects/<project_id>/environments/<name>", SUPER_USER, 204, environment()
    ),
    Route(
        "GET",
        "/api/projects/<project_id>/environments/<name>/deployments",
        USER,
        200,
        environment(),
    ),
    Route("GET", "/api/projects/<project_id>/secrets", USER, 200, of_project()),
    Route("GET", "/api/projects/<project_id>/secrets/<name>", USER, 200, secret()),
    Route(
        "PUT",
        "/api/projects/<project_id>/secrets/<name>",
        ADMIN,
        200,
        secret(json={"value": "battery staple"}),
    ),
    Route("DELETE", "/api/projects/<project_id>/secrets/<name>", ADMIN, 204, secret()),
    # catalogue
    Route("GET", "/api/ingredients", SIGNED_IN),
    Route("POST", "/api/ingredients", SUPER_USER, 201, new_ingredient),
    Route("GET", "/api/ingredients/<ingredient_id>", USER, 200, ingredient()),
    Route(
        "PUT",
        "/api/ingredients/<ingredient_id>",
        SUPER_USER,
        200,
        ingredient(json={"name": "New"}),
    ),
    Route("GET", "/api/ingredients/<ingredient_id>/releases", USER, 200, ingredient()),
    Route("GET", "/api/releases/<release_id>", USER, 200, release),
    Route("DELETE", "/api/releases/<release_id>", ADMIN, 204, release),
    Route("GET", "/api/releases/<release_id>/packages/<path:path>", USER, 200, package),
    # people
    Route("GET", "/api/users", SYSTEM_ADMIN),
    Route(
        "POST",
        "/api/users",
        SYSTEM_ADMIN,
        201,
        lambda world, _: {"json": {"username": world.name("new")}},
    ),
    Route("GET", "/api/users/<user:username>", SYSTEM_ADMIN, 200, user()),
    Route("PUT", "/api/users/<user:username>", SYSTEM_ADMIN, 200, user(json=FACTS)),
    Route("DELETE", "/api/users/<user:username>", SYSTEM_ADMIN, 204, user()),
    Route(
        "PUT",
        "/api/users/<user:username>/password",
        SYSTEM_ADMIN,
        204,
        user(json={"password": "battery staple"}),
    ),
    Route("GET", "/api/users/me", SIGNED_IN),
    Route(
        "PUT",
        "/api/users/me",
        SIGNED_IN,
        200,
        lambda *_: {"json": {"displayName": "New", "email": ""}},
    ),
    Route("GET", "/api/users/tokens", SIGNED_IN),
    Route("POST", "/api/users/tokens", SIGNED_IN, 201, lambda *_: {"json": {"name": "mine"}}),
    Route(
        "DELETE",
        "/api/users/tokens/<token_id>",
        SIGNED_IN,
        204,
        own_token,
    ),
    Route("GET", "/api/audit", SYSTEM_ADMIN),
    # workflows
    Route("GET", "/api/workflows", SIGNED_IN),
    Route("POST", "/api/workflows", SUPER_USER, 201, new_workflow),
    Route("POST", "/api/workflows/validate", USER, 200, new_workflow, stores=False),
    Route("GET", "/api/workflows/<workflow_id>", USER, 200, workflow()),
    Route("PUT", "/api/workflows/<workflow_id>", SUPER_USER, 200, changed_workflow),
    Route("DELETE", "/api/workflows/<workflow_id>", SUPER_USER, 204, workflow()),
    Route("GET", "/api/workflows/<workflow_id>/metadata", USER, 200, workflow()),
    Route("POST", "/api/workflows/<workflow_id>/runs", SUPER_USER, 201, workflow()),
    Route("GET", "/api/workflows/<workflow_id>/revisions", USER, 200, workflow()),
    Route(
        "GET", "/api/workflows/<workflow_id>/revisions/<int:number>", USER, 200, workflow(number=1)
    ),
    # runs
    Route("GET", "/api/workflowruns", SIGNED_IN),
    Route("GET", "/api/workflowruns/<run_id>", USER, 200, run()),
    Route("DELETE", "/api/workflowruns/<run_id>", SUPER_USER, 204, finished),
    Route("POST", "/api/workflowruns/<run_id>/abort", SUPER_USER, 202, run()),
    Route("POST", "/api/workflowruns/<run_id>/rerun", SUPER_USER, 201, ended()),
    Route("GET", "/api/workflowruns/<run_id>/steps/<step_run_id>", USER, 200, run()),
    Route("POST", "/api/workflowruns/<run_id>/steps/<step_run_id>/abort", SUPER_USER, 202, run()),
    Route(
        "POST",
        "/api/workflowruns/<run_id>/steps/<step_run_id>/complete",
        SUPER_USER,
        200,
        run(json={"success": True}, is_outside=True, ready_at=1),
    ),
    Route("POST", "/api/completions/<secret>", PUBLIC, 200, one_time_address),
    Route(
        "POST",
        "/api/workflowruns/<run_id>/steps/<step_run_id>/outcome",
        SUPER_USER,
        200,
        ended(json={"happened": False}),
    ),
    Route("GET", "/api/workflowruns/<run_id>/steps/<step_run_id>/logs", USER, 200, run()),
    Route("GET", "/api/workflowruns/<run_id>/logs", USER, 200, run()),
    Route("POST", "/api/workflowruns/<run_id>/logs", SUPER_USER, 201, log_to_upload),
    Route("GET", "/api/workflowruns/<run_id>/logs/<log_name>", USER, 200, uploaded),
    Route("GET", "/api/workflowruns/<run_id>/steps/<step_run_id>/tests", USER, 200, run()),
    Route(
        "PUT",
        "/api/workflowruns/<run_id>/steps/<step_run_id>/tests/<test_id>/review",
        SUPER_USER,
        200,
        with_a_test,
    ),
    Route(
        "POST", "/api/workflowruns/<run_id>/stages/<stage_run_id>/approve", SUPER_USER, 200, gated()
    ),
    Route(
        "POST", "/api/workflowruns/<run_id>/stages/<stage_run_id>/reject", SUPER_USER, 200, gated()
    ),
]

WAYS = ("session", "read", "write")


def expected(route: Route, role: str | None, way: str) -> int:
    """The status that the rules of access ask for."""
    knows_person = way == "session" or not route.is_page  # pages take no tokens
    if route.needs == PUBLIC:
        return route.status if knows_person or not route.is_change else 400
    if not knows_person:
        return 303
    if route.is_of_project and role is None:
        return 404
    if route.needs in ROLES and (role is None or ROLES.index(role) < ROLES.index(route.needs)):
        return 403
    if route.is_change and way == "read":
        return 403
    return route.status


class Caller:
    """One of the people, at work in the world."""

    def __init__(self, app: Flask, world: World, person: Person) -> None:
        self.app, self.world, self.person = app, world, person
        self._headers = {way: person.headers(way) for way in WAYS if way != "session"}

    def ask(self, route: Route, way: str) -> Any:
        """The answer."""
        values = route.arrange(self.world, self.person)
        sent = {name: values.pop(name) for name in ("json", "data") if name in values}
        with self.app.test_request_context():
            path = url_of(self.app.url_map, route, values)
        client = self.person.browser() if way == "session" else self.app.test_client()
        headers = self._headers.get(way)
        return client.open(path, method=route.method, headers=headers, buffered=True, **sent)


def url_of(url_map: Map, route: Route, values: dict[str, Any]) -> str:
    """Built from the rule itself, so that two rules of one view are told apart."""
    (rule,) = [r for r in url_map.iter_rules() if matches(r, route)]
    built = rule.build(values, append_unknown=False)
    assert built is not None, f"{route.rule} needs other values than {values}"
    return built[1]


def matches(rule: Any, route: Route) -> bool:
    return rule.rule == route.rule and route.method in rule.methods


def routes_of(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, rule.rule


def test_the_table_names_every_route_once(app):
    table = [(route.method, route.rule) for route in TABLE]
    assert sorted(table) == sorted(routes_of(app))


CASES = [*((KINDS[0], name) for name in ROLE_OF), *((kind, "sysadmin") for kind in KINDS[1:])]
"""On PostgreSQL one person is enough: the rules of access do not depend on the database."""


@pytest.mark.parametrize(("settings", "name"), CASES, indirect=["settings"])
def test_everybody_gets_what_their_role_and_scope_give(
    name: str, app: Flask, people: People, project: Project
):
    """Every route in one world, because each makes what it needs."""
    caller, role = Caller(app, World(app, project), getattr(people, name)), ROLE_OF[name]
    is_once = not app.config["GALLEY"].is_sqlite
    wrong = []
    for route in TABLE:
        # Pages take no tokens, whosever they are.
        for way in WAYS[:1] if is_once or (route.is_page and name != "sysadmin") else WAYS:
            response = caller.ask(route, way)
            if not is_right(response, route, role, way):
                text = response.get_data(as_text=True)[:300]
                wrong.append((route.method, route.rule, way, response.status_code, text))
    assert not wrong


def is_right(response: Any, route: Route, role: str | None, way: str) -> bool:
    if response.status_code != expected(route, role, way):
        return False
    if response.status_code != 403 or route.is_page:
        return True
    error = response.json["error"]
    return "requiredRole" in error and error["yourRole"] == (
        role if route.is_of_project else error["yourRole"]
    )


def test_nobody_gets_in_without_saying_who_they_are(app, client, people, project):
    """All in one world, for nothing of it changes."""
    world = World(app, project)
    for route in TABLE:
        if route.needs == PUBLIC:
            continue
        values = route.arrange(world, people.user)
        sent = {name: values.pop(name) for name in ("json", "data") if name in values}
        with app.test_request_context():
            path = url_of(app.url_map, route, values)
        response = client.open(path, method=route.method, **sent)
        told = f"{route.method} {route.rule}"
        assert response.status_code == (303 if route.is_page else 401), told
        if not route.is_page:
            assert response.headers["WWW-Authenticate"].startswith("Bearer"), told
            assert response.json["error"]["code"] == "not_authenticated", told

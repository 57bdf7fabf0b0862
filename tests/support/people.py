"""The five people every route is tried with, as callers with tokens and as signed-in browsers."""

from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from domain.accounts import tokens
from domain.accounts.access import ADMIN, SUPER_USER, USER, console
from domain.models import Member, Project, User

CSRF = "0123456789abcdef"


@dataclass
class Person:
    app: Flask
    user: User

    @property
    def username(self) -> str:
        return self.user.username

    def headers(self, scope: str = "write") -> dict[str, str]:
        """A bearer token of that scope."""
        _, text = tokens.create_token(console(), self.user, scope, scope=scope)
        return {"Authorization": f"Bearer {text}"}

    def browser(self) -> FlaskClient:
        """A client that is signed in and sends its CSRF token, as app.js does."""
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = f"{self.user.id}:{self.user.session_number}"
            session["csrf_token"] = CSRF
        signer = URLSafeTimedSerializer(self.app.secret_key, salt="wtf-csrf-token")
        client.environ_base["HTTP_X_CSRFTOKEN"] = signer.dumps(CSRF)
        return client


@dataclass
class People:
    """One for each role in `project`, and one from elsewhere."""

    stranger: Person
    user: Person
    superuser: Person
    admin: Person
    sysadmin: Person


def make(app: Flask, project: Project) -> People:
    """The stranger has a role too, in another project."""
    elsewhere = Project.create(id="elsewhere", name="Elsewhere", created_by="test")
    members = {
        "stranger": (elsewhere, ADMIN),
        "user": (project, USER),
        "superuser": (project, SUPER_USER),
        "admin": (project, ADMIN),
    }
    made = {}
    for name in (*members, "sysadmin"):
        user = User.create(username=name, is_system_admin=name == "sysadmin")
        made[name] = Person(app, user)
        if name in members:
            of, role = members[name]
            Member.create(project=of, user=user, role=role)
    return People(**made)

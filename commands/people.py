"""`galley user` and `token`: manage users and tokens on a server or in this machine's database."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from client import ApiError
from commands import open_database, remote_server

if TYPE_CHECKING:
    from client.http import Client

NEVER = "never"
PAGE_SIZE = 200


@click.group()
def user() -> None:
    """Manage users, on the server of GALLEY_URL, else in this machine's database."""


@user.command("add")
@click.argument("name")
@click.option("--system-admin", is_flag=True, help="Allow everything in all projects.")
@click.password_option(help="Prompted for by default.")
def add_user(name: str, system_admin: bool, password: str) -> None:
    """Create the user NAME."""
    if server := remote_server():
        body = {"username": name, "password": password, "isSystemAdmin": system_admin}
        server.send("POST", "/api/users", body)
    else:
        _add_locally(name, system_admin, password)
    click.echo(f"User {name} created.")


def _add_locally(name: str, system_admin: bool, password: str) -> None:
    from blueprints.requests.accounts import NewUser
    from blueprints.requests.base import check
    from domain.accounts import access, users

    check(NewUser, {"username": name, "password": password})
    open_database()
    users.create_user(access.console(), name, password=password, is_system_admin=system_admin)


@user.command("password")
@click.argument("name")
@click.password_option(help="Prompted for by default.")
def set_password(name: str, password: str) -> None:
    """Set the password of the user NAME, and end their sessions.

    To change your own password on a server, you must enter your current password.
    """
    if server := remote_server():
        _send_password(server, name, password)
    else:
        _set_password_locally(name, password)
    click.echo(f"Password of {name} changed.")


def _send_password(server: "Client", name: str, password: str) -> None:
    from urllib.parse import quote

    body = {"password": password}
    if name == server.get("/api/users/me")["username"]:
        body["currentPassword"] = click.prompt("Your current password", hide_input=True, err=True)
    server.send("PUT", f"/api/users/{quote(name, safe='')}/password", body)


def _set_password_locally(name: str, password: str) -> None:
    from blueprints.requests.accounts import PasswordChange
    from blueprints.requests.base import check
    from domain.accounts import access, users

    check(PasswordChange, {"password": password})
    open_database()
    users.set_password(access.console(), name, password)


@click.group()
def token() -> None:
    """Manage tokens for scripts.

    On the server of GALLEY_URL, you can manage your own tokens. Without GALLEY_URL, or if it is an
    address of this machine and GALLEY_TOKEN is not set, the commands use this machine's database
    for all its users.
    """


@token.command("create")
@click.argument("username")
@click.option("--name", required=True, help="The purpose of the token.")
@click.option("--scope", type=click.Choice(["read", "write"]), default="read", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. Default: never.")
def create_token(username: str, name: str, scope: str, days: int | None) -> None:
    """Create a token for USERNAME, and print only the token. It is never shown again."""
    if server := remote_server():
        _require_own(server, username)
        body = {"name": name, "scopes": [scope], **({"expiresIn": days} if days else {})}
        text = server.send("POST", "/api/users/tokens", body)["token"]
    else:
        text = _create_token_locally(username, name, scope, days)
    click.echo(text)


def _create_token_locally(username: str, name: str, scope: str, days: int | None) -> str:
    from domain.accounts import access, tokens, users

    open_database()
    owner = users.get_user(username)
    return tokens.create_token(access.console(), owner, name, scope=scope, days=days)[1]


@token.command("list")
@click.argument("username")
def list_tokens(username: str) -> None:
    """List the tokens of USERNAME, newest first, without their secret texts."""
    if server := remote_server():
        _require_own(server, username)
        tokens = list(server.items("/api/users/tokens"))
    else:
        tokens = _local_tokens(username)
    columns = ("ID", "SCOPE", "EXPIRES", "LAST USED", "NAME")
    for row in _aligned([columns, *map(_row, tokens)]):
        click.echo(row)


def _local_tokens(username: str) -> list[dict[str, Any]]:
    from blueprints.responses.accounts import Token
    from domain.accounts import tokens, users
    from domain.pagination import Page

    open_database()
    owner = users.get_user(username)
    found: list[dict[str, Any]] = []
    for number in count(1):
        rows, total = tokens.list_tokens(owner.id, Page(number, PAGE_SIZE))
        found += [Token.of(row).model_dump(mode="json") for row in rows]
        if number * PAGE_SIZE >= total:
            break
    return found


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    days = (item[key][:10] if item[key] else NEVER for key in ("expiresAt", "lastUsedAt"))
    return (item["id"], "/".join(item["scopes"]), *days, item["name"])


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """Revoke the token with this id (see `list`) at once."""
    if server := remote_server():
        from urllib.parse import quote

        server.request("DELETE", f"/api/users/tokens/{quote(token_id, safe='')}")
    else:
        from domain.accounts import access, tokens

        open_database()
        tokens.revoke_token(access.console(), token_id, of_anybody=True)
    click.echo(f"Token {token_id} revoked.")


def _require_own(server: "Client", username: str) -> None:
    me = server.get("/api/users/me")["username"]
    if username != me:
        raise ApiError(
            f"GALLEY_TOKEN belongs to {me}, who cannot manage tokens of {username}. "
            "Use the server's machine without GALLEY_URL to manage tokens of any user."
        )

"""`galley user` and `token`: on the server of GALLEY_URL, else in this machine's database."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from client import ApiError
from commands import distant_server, open_database

if TYPE_CHECKING:
    from client.http import Client

NEVER = "never"
PAGE_SIZE = 200


@click.group()
def user() -> None:
    """Users: on the server of GALLEY_URL, else in this machine's database."""


@user.command("add")
@click.argument("name")
@click.option("--system-admin", is_flag=True, help="May do everything, everywhere.")
@click.password_option(help="Asked for when it is not given.")
def add_user(name: str, system_admin: bool, password: str) -> None:
    """Make the user NAME."""
    if server := distant_server():
        body = {"username": name, "password": password, "isSystemAdmin": system_admin}
        server.send("POST", "/api/users", body)
    else:
        _add_here(name, system_admin, password)
    click.echo(f"Made the user {name}.")


def _add_here(name: str, system_admin: bool, password: str) -> None:
    from blueprints.requests.accounts import NewUser
    from blueprints.requests.base import check
    from domain.accounts import access, users

    check(NewUser, {"username": name, "password": password})
    open_database()
    users.create_user(access.console(), name, password=password, is_system_admin=system_admin)


@user.command("password")
@click.argument("name")
@click.password_option(help="Asked for when it is not given.")
def set_password(name: str, password: str) -> None:
    """Give NAME a new password; their sessions end.

    Over the API one has to know one's present password to change it; it is asked for.
    """
    if server := distant_server():
        _send_password(server, name, password)
    else:
        _set_password_here(name, password)
    click.echo(f"{name} has a new password.")


def _send_password(server: "Client", name: str, password: str) -> None:
    from urllib.parse import quote

    body = {"password": password}
    if name == server.get("/api/users/me")["username"]:
        body["currentPassword"] = click.prompt("Your present password", hide_input=True, err=True)
    server.send("PUT", f"/api/users/{quote(name, safe='')}/password", body)


def _set_password_here(name: str, password: str) -> None:
    from blueprints.requests.accounts import PasswordChange
    from blueprints.requests.base import check
    from domain.accounts import access, users

    check(PasswordChange, {"password": password})
    open_database()
    users.set_password(access.console(), name, password)


# ---- tokens ----------------------------------------------------------------------------------


@click.group()
def token() -> None:
    """Tokens for scripts: on the server of GALLEY_URL your own, else those of this machine's users.

    While GALLEY_TOKEN is not set and GALLEY_URL is an address of this machine, its database is used
    directly.
    """


@token.command("create")
@click.argument("username")
@click.option("--name", required=True, help="What the token is for.")
@click.option("--scope", type=click.Choice(["read", "write"]), default="read", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is good; else for ever.")
def create_token(username: str, name: str, scope: str, days: int | None) -> None:
    """Make a token of USERNAME and print it, alone, once."""
    if server := distant_server():
        _require_oneself(server, username)
        body = {"name": name, "scopes": [scope], **({"expiresIn": days} if days else {})}
        text = server.send("POST", "/api/users/tokens", body)["token"]
    else:
        text = _create_token_here(username, name, scope, days)
    click.echo(text)


def _create_token_here(username: str, name: str, scope: str, days: int | None) -> str:
    from domain.accounts import access, tokens, users

    open_database()
    owner = users.get_user(username)
    return tokens.create_token(access.console(), owner, name, scope=scope, days=days)[1]


@token.command("list")
@click.argument("username")
def list_tokens(username: str) -> None:
    """List the tokens of USERNAME, newest first. The tokens themselves are not kept anywhere."""
    if server := distant_server():
        _require_oneself(server, username)
        found = list(server.items("/api/users/tokens"))
    else:
        found = _tokens_here(username)
    columns = ("ID", "SCOPE", "EXPIRES", "LAST USED", "NAME")
    for row in _aligned([columns, *map(_row, found)]):
        click.echo(row)


def _tokens_here(username: str) -> list[dict[str, Any]]:
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
    """Revoke the token with that id (see `list`): at once it lets nobody in."""
    if server := distant_server():
        from urllib.parse import quote

        server.request("DELETE", f"/api/users/tokens/{quote(token_id, safe='')}")
    else:
        from domain.accounts import access, tokens

        open_database()
        tokens.revoke_token(access.console(), token_id, of_anybody=True)
    click.echo(f"Revoked the token {token_id}.")


def _require_oneself(server: "Client", username: str) -> None:
    me = server.get("/api/users/me")["username"]
    if username != me:
        raise ApiError(
            f"Over the API one has only one's own tokens, and GALLEY_TOKEN is of {me}, not of "
            f"{username}. On the server's own machine, without GALLEY_URL, any user's can be made."
        )

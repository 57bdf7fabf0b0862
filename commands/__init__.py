"""The commands that work on a server or on this machine's database, and what they share."""

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from client.http import Client


def server() -> "Client":
    """The server of GALLEY_URL, by default the one on this machine. Raises ApiError."""
    from client.http import from_environment, is_of_this_machine

    found = from_environment()
    if found.url.startswith("http:") and not is_of_this_machine(found.url):
        click.echo(
            f"galley: warning: {found.url} is not https, so everybody on the way can read "
            "GALLEY_TOKEN.",
            err=True,
        )
    return found


def distant_server() -> "Client | None":
    """The server that GALLEY_URL names; None: this machine's database is meant.

    That is so without GALLEY_URL, and where it names this machine but there is no GALLEY_TOKEN yet:
    the first token has to come from somewhere. Raises ApiError.
    """
    url = os.environ.get("GALLEY_URL")
    if not url:
        return None
    from client.http import checked_url, is_of_this_machine

    if not os.environ.get("GALLEY_TOKEN") and is_of_this_machine(checked_url(url)):
        return None
    return server()


def open_database() -> None:
    """Connect to the database of this machine's settings. Raises SettingError."""
    from domain import settings
    from domain.models import connect

    connect(settings.load(), pooled=False).connect()

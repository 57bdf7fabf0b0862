"""Commands that use a server or this machine's database, and their shared functions."""

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from client.http import Client


def server() -> "Client":
    """Return the client of GALLEY_URL, by default of this machine. Raises ApiError."""
    from client.http import from_environment, is_local

    client = from_environment()
    if client.url.startswith("http:") and not is_local(client.url):
        click.echo(
            f"galley: warning: {client.url} is not https, so others can read GALLEY_TOKEN. "
            "Use https.",
            err=True,
        )
    return client


def remote_server() -> "Client | None":
    """Return the client of GALLEY_URL, or None to use this machine's database.

    None without GALLEY_URL, and if it is local but GALLEY_TOKEN is not set, because the first token
    must be created without one. Raises ApiError.
    """
    url = os.environ.get("GALLEY_URL")
    if not url:
        return None
    from client.http import checked_url, is_local

    if not os.environ.get("GALLEY_TOKEN") and is_local(checked_url(url)):
        return None
    return server()


def open_database() -> None:
    """Connect to the database of this machine's settings. Raises SettingError."""
    from domain import settings
    from domain.models import connect

    connect(settings.load(), pooled=False).connect()

"""Prepare the database for `galley up`: migrate it, and create the first user and the sample.

This is a program of its own, so that the long-lived supervisor does not load what it needs.
"""

import os
import secrets
import sys

from peewee import PeeweeException

from domain import settings as settings_module
from domain.errors import GalleyError
from domain.migrations import migrate
from domain.models import User, connect
from domain.settings import Settings

ADMIN = "admin"


def prepare(settings: Settings, password: str | None) -> str | None:
    """Migrate, and create the user `admin` and the sample project in an empty installation.

    password: for `admin`. None creates a random one, which is returned. Raises Invalid.
    """
    with connect(settings, pooled=False).connection_context():
        migrate(settings)
        if User.select().exists():
            return None
        chosen = password or secrets.token_urlsafe(12)
        _fill(settings, chosen)
        return None if password else chosen


def _fill(settings: Settings, password: str) -> None:
    # Imported here, because it takes a quarter of a second, and later starts do not need it.
    from domain.accounts import access, users
    from jobs.setup import sample

    users.create_user(access.console(), ADMIN, password=password, is_system_admin=True)
    sample.create_sample(access.console(ADMIN), settings.data_dir)


def main() -> int:
    """Return 0, or 1 after a message on standard error."""
    try:
        password = prepare(settings_module.load(), os.environ.get("GALLEY_ADMIN_PASSWORD"))
    except (settings_module.SettingError, GalleyError, PeeweeException) as error:
        print(f"galley: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if password:
        print(  # noqa: T201
            f"First start: the user {ADMIN} has the password {password} (shown only this once).",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

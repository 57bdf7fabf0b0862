"""The scene that all checks share: the settings, and whether Galley runs here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain import settings as settings_module
from domain.settings import SettingError, Settings
from domain.system.format import first_line, masked
from jobs.setup import data_lock, redis_server

URLS = ("DATABASE_URL", "REDIS_URL", "GALLEY_STORAGE_URL")


@dataclass(frozen=True)
class Scene:
    settings: Settings
    redis_url: str | None
    """None if none is set and `galley up` never started one here."""
    supervisor: str | None
    """The process of the `galley up` that runs on the data folder."""

    def reason(self, error: Exception) -> str:
        """Return the message of an error without the credentials of the settings."""
        urls = (self.settings.database_url, self.redis_url, self.settings.storage_url)
        return masked(first_line(error), filter(None, urls))


def look_around(settings: Settings) -> Scene:
    try:
        url = settings.redis_url or redis_server.find_url(settings.data_dir)
        return Scene(settings, url, data_lock.holder_of(settings.data_dir))
    except PermissionError:  # another user's folder, which the check of the data folder reports
        return Scene(settings, settings.redis_url, None)


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Return the settings without the wrong ones, and an error message for each of these."""
    good = dict(environ)
    wrong = {name: error for name in URLS if (error := _url_error(name, good.get(name, "")))}
    for name in wrong:
        del good[name]
    while True:
        try:
            return settings_module.load(good), wrong
        except SettingError as error:
            named = [name for name in re.findall(r"[A-Z][A-Z_]+", str(error)) if name in good]
            if not named:  # a default is wrong, which no setting can fix
                raise
            for name in named:
                wrong[name] = str(error)
                del good[name]


def _url_error(name: str, value: str) -> str | None:
    """Return an error for a value that cannot even be split, so that nothing of it is shown."""
    try:
        urlsplit(value)
    except ValueError:
        return (
            f"{name} is not a URL. Within a user name or a password, characters such as "
            "[ ] / ? # @ are written as %5B %5D %2F %3F %23 %40."
        )
    return None

"""What the checks know before they look: the settings, and whether Galley runs here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain import settings as settings_module
from domain.settings import SettingError, Settings
from jobs.doctor.format import first_line, masked
from jobs.setup import redis_server, supervisor

URLS = ("DATABASE_URL", "REDIS_URL", "GALLEY_STORAGE_URL")


@dataclass(frozen=True)
class Scene:
    settings: Settings
    redis_url: str | None
    """None: none is named, and `galley up` never started one here."""
    supervisor: str | None
    """The process of the `galley up` that runs on the data folder, if one does."""

    def told(self, error: Exception) -> str:
        """What an error says, without whatever may be a credential in the URLs of the settings."""
        urls = (self.settings.database_url, self.redis_url, self.settings.storage_url)
        return masked(first_line(error), filter(None, urls))


def look_around(settings: Settings) -> Scene:
    try:
        url = settings.redis_url or redis_server.find_url(settings.data_dir)
        return Scene(settings, url, supervisor.holder_of(settings.data_dir))
    except PermissionError:  # another user's: the check of the data folder says so
        return Scene(settings, settings.redis_url, None)


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings without those that are wrong, and what is wrong with each of these."""
    good = dict(environ)
    wrong = {name: sentence for name in URLS if (sentence := _no_url(name, good.get(name, "")))}
    for name in wrong:
        del good[name]
    while True:
        try:
            return settings_module.load(good), wrong
        except SettingError as error:
            named = [name for name in re.findall(r"[A-Z][A-Z_]+", str(error)) if name in good]
            if not named:  # a default is wrong, which no setting can mend
                raise
            for name in named:
                wrong[name] = str(error)
                del good[name]


def _no_url(name: str, value: str) -> str | None:
    """What is wrong with an address that nobody can take apart, not even to see whose it is."""
    try:
        urlsplit(value)
    except ValueError:
        return (
            f"{name} is no URL. Within a user name or a password, characters such as [ ] / ? # @ "
            "are written as %5B %5D %2F %3F %23 %40."
        )
    return None

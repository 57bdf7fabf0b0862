"""What the checks know before they look: the settings, and whether Galley runs here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain import settings as settings_module
from domain.settings import SettingError, Settings
from jobs import redis_server, supervisor


@dataclass(frozen=True)
class Scene:
    settings: Settings
    redis_url: str | None
    """None: none is named, and `galley up` never started one here."""
    supervisor: str | None
    """The process of the `galley up` that runs on the data folder, if one does."""


def look_around(settings: Settings) -> Scene:
    try:
        url = settings.redis_url or redis_server.find_url(settings.data_dir)
        return Scene(settings, url, supervisor.holder_of(settings.data_dir))
    except PermissionError:  # another user's: the check of the data folder says so
        return Scene(settings, settings.redis_url, None)


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings without those that are wrong, and what is wrong with each of these."""
    good = dict(environ)
    wrong: dict[str, str] = {}
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

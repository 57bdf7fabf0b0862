"""Names and values of secrets: which are allowed, and how they are encrypted.

A value is encrypted together with its project and name, so a row moved to another project is
useless there.
"""

import json
import re

from domain.errors import StepFailed
from domain.models import Secret, given
from domain.models.statements import Statement
from domain.secret_key import Keys, WrongKey

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
"""A name that a shell accepts for a variable."""
RESERVED_PREFIX = "GALLEY_"
RESERVED = frozenset(
    """
    PATH HOME LANG TMPDIR CI
    PWD OLDPWD SHLVL _ IFS PPID OPTIND UID EUID SHELLOPTS
    """.split()  # noqa: SIM905
)
"""Variables that Galley gives to every script, and those that its shell sets."""

MAX_BYTES = 32 * 1024
MIN_BYTES = 4
"""Without surrounding spaces. Shorter values occur in every log by chance, so masking would reveal
them. They are rejected, so every stored value can be masked."""

_EVERYDAY = re.compile(
    r"""
    .{1,7}                          # short
    | [^\W\d_]{1,15} [\d!]{0,4}     # a word, and what people append to a word
    | \d{1,11}
    | (.)\1*                        # a line of dashes
    """,
    re.VERBOSE,
)

_OF_PROJECT = Statement(
    lambda: (
        Secret.select(Secret.name, Secret.value)
        .where(Secret.project == given("project_id"))
        .order_by(Secret.name)
    )
)


def is_reserved(name: str) -> bool:
    """Return whether the name has a meaning of its own in the environment of a script."""
    return name in RESERVED or name.startswith(RESERVED_PREFIX)


def is_everyday(value: str) -> bool:
    """Return whether the value is likely to occur in a log by chance and be masked there."""
    return _EVERYDAY.fullmatch(value.strip()) is not None


def encrypted(keys: Keys, project_id: str, name: str, value: str) -> bytes:
    """Return the value as it is stored."""
    return keys.encrypt(json.dumps([project_id, name, value]))


def values_of(project_id: str, keys: Keys) -> dict[str, str]:
    """Return name → value of a project's secrets. Raises StepFailed if one cannot be decrypted."""
    rows = _OF_PROJECT.rows(project_id=project_id)
    return {name: _decrypted(keys, project_id, name, data) for name, data in rows}


def _decrypted(keys: Keys, project_id: str, name: str, data: bytes) -> str:
    try:
        *owner, value = json.loads(keys.decrypt(data))
    except WrongKey:
        raise StepFailed(
            f"The secret {name} was stored under another secret key, so nothing was run. Restore "
            "that key (GALLEY_SECRET_KEY), or ask an Admin of the project to set the secret again."
        ) from None
    if owner != [project_id, name]:
        raise StepFailed(
            f"The secret {name} was not stored for this project under this name, so nothing was "
            "run. Ask an Admin of the project to set it again."
        )
    return str(value)

"""The secrets of a project as its scripts see them: what they may be, and how they are kept.

A value is encrypted together with its project and its name: a row that somebody moves to another
project is worth nothing there.
"""

import json
import re

from domain.errors import StepFailed
from domain.models import Secret, given
from domain.models.statements import Statement
from domain.secret_key import Keys, WrongKey

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
"""What a shell takes as the name of a variable."""
RESERVED_PREFIX = "GALLEY_"
RESERVED = frozenset(
    """
    PATH HOME LANG TMPDIR CI
    PWD OLDPWD SHLVL _ IFS PPID OPTIND UID EUID SHELLOPTS
    """.split()  # noqa: SIM905
)
"""What every script is given, and what its shell sets by itself."""

MAX_BYTES = 32 * 1024
MIN_BYTES = 4
"""Without the spaces around it. Shorter values stand in every log by chance, so that masks in their
places would tell them; as they are refused, whatever is stored is masked."""

_EVERYDAY = re.compile(
    r"""
    .{1,7}                          # short
    | [^\W\d_]{1,15} [\d!]{0,4}     # a word, and what people put behind a word
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
    """Whether the name has a meaning of its own in the environment of a script."""
    return name in RESERVED or name.startswith(RESERVED_PREFIX)


def is_everyday(value: str) -> bool:
    """Whether the value may well stand in a log by chance, so that its masks hide other things."""
    return _EVERYDAY.fullmatch(value.strip()) is not None


def encrypted(keys: Keys, project_id: str, name: str, value: str) -> bytes:
    """The value as it is stored."""
    return keys.encrypt(json.dumps([project_id, name, value]))


def values_of(project_id: str, keys: Keys) -> dict[str, str]:
    """Name → value of all secrets of a project; costs one small query if there are none.

    Raises StepFailed for one that cannot be decrypted.
    """
    rows = _OF_PROJECT.rows(project_id=project_id)
    return {name: _decrypted(keys, project_id, name, data) for name, data in rows}


def _decrypted(keys: Keys, project_id: str, name: str, data: bytes) -> str:
    try:
        *whose, value = json.loads(keys.decrypt(data))
    except WrongKey:
        raise StepFailed(
            f"The secret {name} was stored under another secret key, so nothing was run. Give this "
            "worker that key again (GALLEY_SECRET_KEY), or let an Admin of the project set the "
            "secret anew."
        ) from None
    if whose != [project_id, name]:
        raise StepFailed(
            f"The secret {name} was not stored for this project under this name, so nothing was "
            "run. Let an Admin of the project set it anew."
        )
    return str(value)

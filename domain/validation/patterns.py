"""Regular expressions of texts, for our checks and for the document of the API.

ECMA and Python read them alike. White space around most texts is dropped before the check, so the
patterns allow it.
"""

SLUG_BODY = r"[a-z0-9][a-z0-9._-]{0,99}"

# White space as Unicode has it: `\s` is not the same everywhere.
WHITE = r" \t-\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_SEEN = rf"[^{WHITE}{_CONTROL}]"
_PICKED = rf"{SLUG_BODY}@[^{WHITE}\x00-\x1f/:@]{{1,200}}"
_UP = rf"\.\.(?:/|[{WHITE}]*$)"
_NOTHING = rf"(?:\.?/)*\.?[{WHITE}]*$"
_PATH = rf"(?!/)(?!(?:[^/]*/)*{_UP})(?!{_NOTHING})[^{_CONTROL}]*[^/{WHITE}{_CONTROL}]"

CONTROL = f"[{_CONTROL}]"
ID = "^[0-9a-f]{24}$"
SLUG = f"^{SLUG_BODY}$"
USERNAME = f"^(?!(?:me|tokens)$){SLUG_BODY}$"
LINE = rf"^[{WHITE}]*[^{_CONTROL}]*[{WHITE}]*$"
"""One line of text, which may be empty."""
NAME = rf"^[{WHITE}]*[^{_CONTROL}]*{_SEEN}[^{_CONTROL}]*[{WHITE}]*$"
"""One line of text that is not blank."""
WORD = rf"^{_SEEN}*$"
"""Text without white space, which may be empty."""
NOT_BLANK = rf"[^{WHITE}]"
RELEASE_REFERENCE = rf"^(?:[0-9a-f]{{24}}|{_PICKED})$"
"""`domain.definitions.references.release_reference`."""
ARTIFACT_PATH = rf"^[{WHITE}]*(?![{WHITE}])(?:{_PICKED}:{_PATH}|(?!{_PICKED}:){_PATH})[{WHITE}]*$"
"""`domain.definitions.references.artifact_path`."""
FOLDER = rf"^(?!(?:[^/]*/)*\.\.(?:/|$))/+[^/{_CONTROL}][^{_CONTROL}]*$"
"""An absolute path, not of the root, without `..`."""
ADDRESS = rf"^[{WHITE}]*[a-z][a-z0-9+.-]*://[^{_CONTROL}]*{_SEEN}[{WHITE}]*$"
"""A URL with a scheme, such as s3://bucket/folder."""
SHA256 = "^[0-9a-f]{64}$"
ENTITY_TAG = '^"[!#-~]+"$'


def except_for(words: list[str], beginning: str, body: str) -> str:
    """`body`, but none of the words and nothing with that beginning."""
    return f"^(?!{beginning})(?!(?:{'|'.join(words)})$)(?:{body})$"

"""A client of Galley's API, independent of the server's code.

This module loads fast. `client.http` loads httpx.
"""

FINISHED = ("Succeeded", "Failed", "Cancelled")


class ApiError(Exception):
    """The request failed. The text is for the user at the terminal."""


class Unreachable(ApiError):
    """The server or a proxy before it did not answer, so a retry may succeed."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".rstrip())
        self.sentence = sentence

"""The API as the commands use it: over HTTP, on this machine or another. Knows nothing of ours.

This module is light; `client.http` loads httpx.
"""

FINISHED = ("Succeeded", "Failed", "Cancelled")


class ApiError(Exception):
    """The server refused, or could not be asked; the text is for the person at the terminal."""


class Unreachable(ApiError):
    """The server did not answer, or something before it said so; it may later."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".rstrip())
        self.sentence = sentence

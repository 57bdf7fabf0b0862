"""What the installation's secret key is good for besides sessions: signatures and encryption.

Each purpose uses a key of its own, derived with HMAC-SHA256, so that nothing made for one purpose
is worth anything for another.
"""

import base64
import functools
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any


class WrongKey(Exception):
    """What was encrypted cannot be read with this key; the text is a sentence for a person."""


class Keys:
    """The keys derived from one secret key (`Settings.secret_key`)."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key.encode()

    def sign(self, content: Any) -> str:
        """64 hex characters for what JSON can hold, the same after any round trip through it."""
        text = json.dumps(_normal(content), sort_keys=True, ensure_ascii=True)
        return hmac.new(self._signing, text.encode(), hashlib.sha256).hexdigest()

    def fits(self, content: Any, signature: str) -> bool:
        """Whether `sign` made the signature for this content."""
        return hmac.compare_digest(self.sign(content).encode(), signature.encode())

    def capability(self, purpose: str, *names: str) -> str:
        """43 characters that only this installation makes for this purpose and these names.

        names: without spaces.
        """
        key = self._derived(f"galley: capability: {purpose}".encode())
        digest = hmac.digest(key, " ".join(names).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @staticmethod
    def is_same(given: str, expected: str) -> bool:
        """Compares without telling by its time how much is right."""
        return hmac.compare_digest(given.encode(), expected.encode())

    def encrypt(self, text: str) -> bytes:
        encrypted: bytes = self._cipher.encrypt(text.encode())
        return encrypted

    def decrypt(self, data: bytes) -> str:
        """Raises WrongKey."""
        from cryptography.fernet import InvalidToken

        try:
            text: bytes = self._cipher.decrypt(bytes(data))
        except InvalidToken:
            raise WrongKey("It was stored under another secret key.") from None
        return text.decode()

    @functools.cached_property
    def _signing(self) -> bytes:
        return self._derived(b"galley: run snapshots")

    @functools.cached_property
    def _cipher(self) -> Any:
        from cryptography.fernet import Fernet  # several MiB, which most processes never need

        return Fernet(base64.urlsafe_b64encode(self._derived(b"galley: secrets at rest")))

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self._secret_key, purpose, "sha256")


def _normal(value: Any) -> Any:
    """Whole numbers in one form only: PostgreSQL gives 1e23 back as 100000000000000000000000.

    By way of the digits that JSON has for it: int(1e23) is 99999999999999991611392.
    """
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    return value

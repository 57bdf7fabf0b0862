"""Signatures and encryption with keys derived from the installation's secret key.

Each purpose has its own key, derived with HMAC-SHA256, so that nothing made for one purpose is
valid for another.
"""

import base64
import functools
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any


class WrongKey(Exception):
    """Data that was encrypted with another key; the text is a sentence for a person."""


class Keys:
    """The keys derived from one secret key (`Settings.secret_key`)."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key.encode()

    def sign(self, content: Any) -> str:
        """Return 64 hex characters for a JSON value, the same after any round trip through JSON."""
        text = json.dumps(_normal(content), sort_keys=True, ensure_ascii=True)
        return hmac.new(self._signing, text.encode(), hashlib.sha256).hexdigest()

    def fits(self, content: Any, signature: str) -> bool:
        """Return whether `sign` made the signature for this content."""
        return hmac.compare_digest(self.sign(content).encode(), signature.encode())

    def capability(self, purpose: str, *names: str) -> str:
        """Return 43 characters that only this installation can make for this purpose and names.

        names: must not contain spaces.
        """
        key = self._derived(f"galley: capability: {purpose}".encode())
        digest = hmac.digest(key, " ".join(names).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @staticmethod
    def is_same(given: str, expected: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(given.encode(), expected.encode())

    def encrypt(self, text: str) -> bytes:
        encrypted: bytes = self._cipher.encrypt(text.encode())
        return encrypted

    def decrypt(self, data: bytes) -> str:
        """Return the text that `encrypt` was given. Raises WrongKey."""
        from cryptography.fernet import InvalidToken

        try:
            text: bytes = self._cipher.decrypt(bytes(data))
        except InvalidToken:
            raise WrongKey("This value was stored under another secret key.") from None
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
    """Turn whole floats into integers: PostgreSQL returns 1e23 as 100000000000000000000000.

    Convert the digits that JSON writes, because int(1e23) is 99999999999999991611392.
    """
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    return value

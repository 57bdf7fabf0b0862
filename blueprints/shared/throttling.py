"""Whoever guesses passwords or tokens has to wait, each sender for itself."""

import ipaddress
from typing import cast

from flask import Flask, current_app, request

from domain.accounts.throttle import Throttle
from domain.errors import TooManyAttempts

TRIES_PER_NAME = 5
TRIES_PER_ADDRESS = 30
WINDOW_SECONDS = 300


class Guesses:
    """Guessing one person's password, trying one password on many people, guessing tokens."""

    def __init__(self) -> None:
        self.of_one = Throttle(TRIES_PER_NAME, WINDOW_SECONDS)
        self.of_many = Throttle(TRIES_PER_ADDRESS, WINDOW_SECONDS)
        self.of_tokens = Throttle(TRIES_PER_ADDRESS, WINDOW_SECONDS)


def register(app: Flask) -> None:
    app.extensions["galley_guesses"] = Guesses()


def try_password(username: str) -> None:
    """Before a password is checked. Raises TooManyAttempts."""
    address = sender(request.remote_addr or "")
    wait = _guesses().of_many.take(address) or _guesses().of_one.take(f"{address} {username}")
    if wait:
        raise TooManyAttempts(wait)


def password_was_right(username: str) -> None:
    """Who knows it has not been guessing."""
    _guesses().of_one.forget(f"{sender(request.remote_addr or '')} {username}")


def token_was_bad() -> None:
    """After a token was refused; good ones are never slowed. Raises TooManyAttempts."""
    wait = _guesses().of_tokens.take(sender(request.remote_addr or ""))
    if wait:
        raise TooManyAttempts(wait)


def _guesses() -> Guesses:
    return cast(Guesses, current_app.extensions["galley_guesses"])


def sender(address: str) -> str:
    """Whose tries count together: everybody with IPv6 has a whole /64 to try from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))

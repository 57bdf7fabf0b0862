"""Hashes of passwords that take no time: the real ones take a tenth of a second each."""

from domain.accounts import users

REAL_HASH = users.PASSWORD_HASH

users.PASSWORD_HASH = "scrypt:256:8:1"

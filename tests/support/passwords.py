"""Hashes of passwords that take no time: the real ones take a tenth of a second each."""

from domain import people

REAL_HASH = people.PASSWORD_HASH

people.PASSWORD_HASH = "scrypt:256:8:1"

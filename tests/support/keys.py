"""The one secret key of all tests, so that what one part signs is good for every other part."""

from domain.secret_key import Keys

SECRET_KEY = "the secret key of the tests, which is no secret"

KEYS = Keys(SECRET_KEY)

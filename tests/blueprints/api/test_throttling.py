"""Guessing tokens."""

import pytest

from blueprints.shared.throttling import TRIES_PER_ADDRESS
from domain.accounts import users as people_rules
from domain.clock import now
from domain.models import Token


def guess(client, address: str = "192.0.2.1", text: str = "gal_guess"):
    return client.get(
        "/api/projects",
        headers={"Authorization": f"Bearer {text}"},
        environ_base={"REMOTE_ADDR": address},
    )


@pytest.fixture
def exhausted(client):
    """A client whose address has tried as many bad tokens as it may."""
    statuses = {guess(client).status_code for _ in range(TRIES_PER_ADDRESS)}
    assert statuses == {401}
    return client


def test_too_many_bad_tokens_from_one_address_must_wait(exhausted):
    refused = guess(exhausted)
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "too_many_attempts")
    assert 0 < int(refused.headers["Retry-After"]) <= 301
    assert "WWW-Authenticate" not in refused.headers
    assert guess(exhausted, "192.0.2.2").status_code == 401


def test_an_expired_token_counts_as_a_bad_one(exhausted, people):
    headers = people.user.headers()
    Token.update(expires_at=now()).execute()
    assert guess(exhausted, text=headers["Authorization"].split()[1]).status_code == 429


def test_a_good_token_is_never_slowed(exhausted, people):
    text = people.user.headers()["Authorization"].split()[1]
    for _ in range(TRIES_PER_ADDRESS + 1):
        assert guess(exhausted, text=text).status_code == 200
    assert guess(exhausted).status_code == 429


def test_bad_tokens_keep_nobody_from_signing_in(exhausted, monkeypatch, people):
    people_rules.set_password(people_rules.Actor("", "root"), "user", "correct horse")
    browser = people.stranger.browser()
    form = {"username": "user", "password": "correct horse"}
    answer = browser.post("/login", data=form, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="galley"'),
        ({"Authorization": "Bearer gal_guess"}, 'Bearer realm="galley", error="invalid_token"'),
        ({"Authorization": "Bearer"}, 'Bearer realm="galley", error="invalid_token"'),
    ],
)
def test_a_bad_token_is_told_from_none(client, headers, challenge):
    assert client.get("/api/projects", headers=headers).headers["WWW-Authenticate"] == challenge


def test_every_call_of_the_document_that_needs_somebody_may_answer_429(client):
    api = client.get("/api/openapi.json").json
    calls = [call for path in api["paths"].values() for call in path.values()]
    assert all(("429" in call["responses"]) == ("401" in call["responses"]) for call in calls)
    refused = api["components"]["responses"]["TooManyRequests"]
    assert "Retry-After" in refused["headers"]

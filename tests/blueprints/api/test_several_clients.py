"""Several clients over HTTP, at two web servers that share a database: who is first, who is told.

What is held here is decided by the database alone, for the servers know nothing of each other.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import httpx
import pytest

from domain import models
from domain.accounts import tokens
from domain.accounts.access import SUPER_USER, console
from domain.models import IdempotencyKey, Ingredient, Member, Project, Run, User, Workflow
from domain.settings import Settings
from tests.conftest import KINDS, migrated, settings_for
from tests.support.web import serving

pytestmark = pytest.mark.slow

MANY = 20
STEP = {"name": "build", "type": "Build", "configuration": {"ingredientId": "duck"}}
BODY = {
    "name": "Release",
    "projectId": "pond",
    "stages": [{"name": "one", "order": 1, "steps": [STEP]}],
}

Ask = Callable[[httpx.Client], httpx.Response]


@pytest.fixture(scope="module", params=KINDS)
def served(request, tmp_path_factory, redis_url) -> Iterator[tuple[Settings, list[str]]]:
    """A database and the addresses of two servers, which take longer to start than any test."""
    settings = settings_for(tmp_path_factory.mktemp("served") / "data")
    settings.data_dir.mkdir()
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgres_server"), f"galley_{uuid.uuid4().hex[:12]}"
        settings = replace(settings, database_url=server.create(name))
    migrated(settings)
    with serving(settings, redis_url, 2) as urls:
        yield settings, urls
    if request.param == "postgresql":
        server.drop(name)


@pytest.fixture
def settings(served) -> Settings:
    return served[0]


@pytest.fixture
def project(database) -> Project:
    for model in reversed(models.ALL):  # the tests before had the same database
        model.delete().execute()
    project = Project.create(id="pond", name="Pond", created_by="test")
    Ingredient.create(id="duck", project=project, name="Duck", created_by="test")
    return project


@pytest.fixture
def clients(served, project) -> Iterator[dict[str, httpx.Client]]:
    """Ann and Bob, each at a server of their own."""
    made = {}
    for name, url in zip(("ann", "bob"), served[1], strict=True):
        user = User.create(username=name)
        Member.create(project=project, user=user, role=SUPER_USER)
        _, token = tokens.create_token(console(), user, "test", scope="write")
        headers = {"Authorization": f"Bearer {token}"}
        made[name] = httpx.Client(base_url=url, headers=headers, timeout=60)
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def ann_often(clients) -> Iterator[list[httpx.Client]]:
    """Many connections of Ann, half of them to Bob's server."""
    ann, there = clients["ann"], clients["bob"].base_url
    with httpx.Client(base_url=there, headers=ann.headers, timeout=60) as elsewhere:
        yield [ann, elsewhere] * (MANY // 2)


def send(method: str, path: str, **more: Any) -> Ask:
    return lambda client: client.request(method, path, **more)


def at_once(*asks: tuple[Ask, httpx.Client]) -> list[httpx.Response]:
    """All of them at the same moment; the answers in their order."""
    barrier = Barrier(len(asks))

    def ask(ask: Ask, client: httpx.Client) -> httpx.Response:
        barrier.wait(30)
        return ask(client)

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, *zip(*asks, strict=True)))


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


def test_of_two_who_save_the_same_revision_the_second_is_told_who_was_first(clients):
    made = clients["ann"].post("/api/workflows", json=BODY)
    path = f"/api/workflows/{made.json()['id']}"
    read = {name: client.get(path) for name, client in clients.items()}
    tags = {name: answer.headers["ETag"] for name, answer in read.items()}
    assert tags["ann"] == tags["bob"]

    def save(name: str) -> tuple[Ask, httpx.Client]:
        body = {**read[name].json(), "description": f"by {name}"}
        headers = {"If-Match": tags[name]}
        return send("PUT", path, json=body, headers=headers), clients[name]

    answers = dict(zip(clients, at_once(save("ann"), save("bob")), strict=True))
    (first,) = [name for name, answer in answers.items() if answer.status_code == 200]
    (second,) = [name for name in answers if name != first]

    now = clients[second].get(path)
    assert (now.json()["description"], now.json()["revision"]) == (f"by {first}", 2)
    assert answers[second].status_code == 412
    refused = error(answers[second])
    assert refused["code"] == "stale_revision"
    assert (refused["currentRevision"], refused["updatedBy"]) == (2, first)
    assert refused["updatedAt"] == now.json()["updatedAt"]
    assert refused["message"].startswith(f"{first} changed this workflow meanwhile")

    tags[second] = now.headers["ETag"]
    ask, client = save(second)
    assert ask(client).json()["revision"] == 3


def test_of_many_who_save_the_same_revision_one_does(clients):
    made = clients["ann"].post("/api/workflows", json=BODY)
    path, headers = f"/api/workflows/{made.json()['id']}", {"If-Match": made.headers["ETag"]}
    save = send("PUT", path, json=BODY, headers=headers)
    answers = at_once(*((save, client) for client in [*clients.values()] * (MANY // 2)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: MANY - 1}
    assert {error(a)["currentRevision"] for a in answers if a.status_code == 412} == {2}
    assert Workflow.get().revision == 2


def only_one(answers: list[httpx.Response]) -> Any:
    """What the first of them was told; all others are told the same, or to come again."""
    (first,) = [
        answer
        for answer in answers
        if answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers
    ]
    for answer in answers:
        if answer.status_code == 409:
            assert error(answer)["code"] == "idempotency_key_in_use"
            continue
        assert answer.status_code == 201, answer.text
        assert answer.json() == first.json()
        assert answer.headers["Location"] == first.headers["Location"]
    return first.json()


def test_a_start_that_is_sent_twenty_times_at_once_with_one_key_makes_one_run(clients, ann_often):
    made = clients["ann"].post("/api/workflows", json=BODY).json()
    path, headers = f"/api/workflows/{made['id']}/runs", {"Idempotency-Key": "one"}
    start = send("POST", path, headers=headers)
    answers = at_once(*((start, client) for client in ann_often))
    assert only_one(answers) == {"runId": Run.get().id, "status": "Pending"}
    assert (Run.select().count(), Workflow.get().run_count) == (1, 1)
    assert IdempotencyKey.select().count() == 1


def test_a_create_that_is_sent_twenty_times_at_once_with_one_key_makes_one_workflow(ann_often):
    """And nobody is told that the name is taken, which it is: by the first of them."""
    headers = {"Idempotency-Key": "one"}
    create = send("POST", "/api/workflows", json=BODY, headers=headers)
    answers = at_once(*((create, client) for client in ann_often))
    assert only_one(answers)["id"] == Workflow.get().id
    assert Workflow.select().count() == 1


def test_of_two_keys_for_one_name_the_slower_is_told_that_it_is_taken(clients):
    def create(key: str) -> Ask:
        return send("POST", "/api/workflows", json=BODY, headers={"Idempotency-Key": key})

    answers = at_once(*((create(name), client) for name, client in clients.items()))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    (refused,) = [error(answer) for answer in answers if answer.status_code == 409]
    assert refused["code"] == "duplicate_name"
    assert Workflow.select().count() == 1

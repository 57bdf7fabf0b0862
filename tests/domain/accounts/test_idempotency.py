import threading

import pytest

from domain import models
from domain.accounts import idempotency
from domain.accounts.idempotency import Answer, Keyed
from domain.clock import now
from domain.errors import Conflict, Invalid
from domain.models import IdempotencyKey, Project, User, write

pytestmark = pytest.mark.usefixtures("database")

ANSWER = Answer(201, {"runId": "1", "status": "Pending"}, {"Location": "/there"})


@pytest.fixture
def keyed() -> Keyed:
    user = User.create(username="ann")
    return Keyed(user.id, "k1", "POST /api/workflows", "a" * 64)


def create(name: str) -> Project:
    with write():
        project = Project.create(id=name, name=name, created_by="ann")
        idempotency.store_answer(project)
    return project


def make(keyed: Keyed | None, name: str = "pond") -> tuple[Project | None, Answer]:
    return idempotency.idempotent(keyed, lambda: create(name), lambda project: ANSWER)


def race(keyed: Keyed, name: str) -> Project:
    """As the slower of two: it saw no answer yet."""
    token = idempotency._current.set((keyed, lambda project: ANSWER))
    try:
        return create(name)
    finally:
        idempotency._current.reset(token)


def changed(keyed: Keyed, **fields: str) -> Keyed:
    return Keyed(**{**keyed.__dict__, **fields})


def test_the_first_request_has_no_answer_yet_and_the_second_gets_the_first_ones(keyed):
    assert idempotency.first_answer(keyed) is None
    project, answer = make(keyed)
    assert (project.id, answer) == ("pond", ANSWER)
    assert idempotency.first_answer(keyed) == ANSWER
    assert make(keyed, "other") == (None, ANSWER)
    assert Project.select().count() == 1


def test_the_same_key_with_another_body_is_refused(keyed):
    make(keyed)
    with pytest.raises(Invalid) as error:
        make(changed(keyed, body_hash="b" * 64), "other")
    assert error.value.code == "idempotency_key_reused"


def test_a_key_counts_for_its_user_and_its_address_only(keyed):
    make(keyed)
    other = User.create(username="bob")
    assert idempotency.first_answer(changed(keyed, user_id=other.id)) is None
    assert idempotency.first_answer(changed(keyed, target="POST /elsewhere")) is None


def test_the_slower_of_two_makes_nothing_and_is_told_to_come_again(keyed):
    make(keyed, "first")
    with pytest.raises(Conflict) as error:
        race(keyed, "second")
    assert error.value.code == "idempotency_key_in_use"
    assert [row.id for row in Project.select()] == ["first"]


def test_of_two_at_the_same_moment_one_makes_the_thing(keyed, settings):
    models.connect(settings, pooled=True)
    barrier, outcomes = threading.Barrier(2), []

    def run(name: str) -> None:
        barrier.wait(10)
        try:
            race(keyed, name)
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")
        finally:
            models.db.close()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["made", "refused"]
    assert Project.select().count() == 1
    models.db.obj.close_all()


def test_who_meets_what_the_first_took_gets_its_answer(keyed):
    def late() -> None:
        race(keyed, "first")
        raise Conflict("The name is taken.")

    assert idempotency.idempotent(keyed, late, lambda _: ANSWER) == (None, ANSWER)


def test_a_key_counts_for_its_own_request_alone(keyed):
    make(keyed, "first")
    create("second")
    assert IdempotencyKey.select().count() == 1


def test_a_failure_leaves_no_key_behind(keyed):
    def fail() -> None:
        with write():
            idempotency.store_answer(None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        idempotency.idempotent(keyed, fail, lambda _: ANSWER)
    assert idempotency.first_answer(keyed) is None


def test_a_key_is_forgotten_after_a_day(keyed):
    make(keyed, "first")
    IdempotencyKey.update(created_at=now() - idempotency.KEPT_MS).execute()
    assert idempotency.first_answer(keyed) is None
    make(keyed, "second")
    assert Project.select().count() == 2
    assert IdempotencyKey.select().count() == 1


def test_old_keys_are_purged_and_young_ones_stay(keyed):
    make(keyed, "first")
    make(changed(keyed, key="k2"), "second")
    old = IdempotencyKey.update(created_at=now() - idempotency.KEPT_MS)
    old.where(IdempotencyKey.key == "k1").execute()
    assert idempotency.purge() == 1
    assert [row.key for row in IdempotencyKey.select()] == ["k2"]


def test_without_a_key_nothing_is_kept():
    assert make(None)[1] == ANSWER
    assert not IdempotencyKey.select().exists()

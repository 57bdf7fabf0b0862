"""What is done after a commit, and who hears what the engine announces."""

import threading

import pytest

from domain import engine, models
from domain.engine import AbortRequest
from domain.models import Project, after_commit, db, write

pytestmark = pytest.mark.usefixtures("database")

ABORT = AbortRequest("step", "w1")


def a_project(name: str) -> None:
    Project.create(id=name, name=name, created_by="ann")


def announce() -> None:
    with write():
        engine.announce([ABORT])


def test_it_is_done_in_order_and_sees_what_was_committed():
    seen = []
    with write():
        after_commit(lambda: seen.append(Project.select().count()))
        a_project("a")
        after_commit(lambda: seen.append("second"))
        assert seen == []
    assert seen == [1, "second"]


def test_after_a_rollback_it_is_never_done():
    seen = []

    def fail() -> None:
        with write():
            after_commit(lambda: seen.append(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with write():
        pass
    assert seen == []


def test_it_may_change_something_itself_and_that_has_its_own_after():
    seen = []

    def second() -> None:
        with write():
            a_project("b")
            after_commit(lambda: seen.append(Project.select().count()))

    with write():
        a_project("a")
        after_commit(second)
        after_commit(lambda: seen.append("last"))
    assert seen == [2, "last"]


def test_what_fails_in_it_is_told_in_the_log_alone(caplog):
    seen = []

    def fail() -> None:
        raise ValueError("no bell")

    with write():
        a_project("a")
        after_commit(fail)
        after_commit(lambda: seen.append(1))
    assert (Project.select().count(), seen) == (1, [1])
    assert "no bell" in caplog.text


def test_it_needs_a_transaction():
    with pytest.raises(RuntimeError):
        after_commit(lambda: None)


def test_a_transaction_does_not_nest():
    with write(), pytest.raises(RuntimeError, match="does not nest"), write():
        pass


def test_each_thread_has_its_own(settings):
    """And none holds up another, whatever it does after its commit."""
    models.connect(settings, pooled=True)
    barrier, seen = threading.Barrier(4), []

    def one(number: int) -> None:
        with write():
            a_project(f"p{number}")
            after_commit(lambda: (barrier.wait(10), seen.append(number)))
        db.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(seen) == [0, 1, 2, 3]
    models.db.obj.close_all()


def test_who_listens_last_hears_what_is_announced(database):
    first, second = [], []
    announce()
    engine.listen(first.extend)
    announce()
    engine.listen(second.extend)
    announce()
    assert (first, second) == ([ABORT], [ABORT])


def test_who_listens_hears_of_the_database_of_then_alone(settings):
    heard = []
    engine.listen(heard.extend)
    with models.connect(settings, pooled=False).connection_context():
        announce()
        assert heard == []
        engine.listen(heard.extend)
        announce()
    assert heard == [ABORT]

"""A draft from its beginning to its save; tabs that take it up at once have the same one."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain import models
from domain.accounts.access import Actor
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.editor import drafts, operations
from domain.models import Draft, DraftState, User, Workflow, write
from domain.settings import Settings
from domain.workflows import workflows
from tests.support.pipelines import ACTOR, a_project, a_workflow, build

TABS = 4
InTabs = Callable[[Workflow], set[str]]


@pytest.fixture
def ann(database: models.Base) -> Actor:
    a_project()
    with write():
        user = User.create(username="ann")
    return Actor(user.id, "ann", roles={"pond": "SuperUser"})


@pytest.fixture
def in_tabs(settings: Settings, ann: Actor) -> Iterator[InTabs]:
    """Takes up a workflow's draft in several tabs at once; gives the ids of what they got."""
    pool = models.connect(settings, pooled=True)
    barrier = threading.Barrier(TABS)

    def take_up(workflow: Workflow) -> set[str]:
        def tab(_: int) -> str:
            with pool.connection_context():
                barrier.wait(10)
                return drafts.take_up(ann, workflow).id

        with ThreadPoolExecutor(TABS) as tabs:
            return set(tabs.map(tab, range(TABS)))

    pool.connect()
    yield take_up
    pool.close_all()


def test_what_was_done_is_undone_done_again_and_saved(ann: Actor) -> None:
    workflow = a_workflow([build("wheel"), build("docs")])
    draft = drafts.take_up(ann, workflow)
    wheel = drafts.present(draft).definition["stages"][0]["steps"][0]["id"]

    def typed(queue: str) -> None:
        drafts.change(
            draft,
            lambda present: (
                operations.fill_in(present, wheel, {"queue": queue})[0],
                f"to {queue}",
            ),
            topic=wheel,
        )

    def queue() -> str:
        definition = drafts.present(Draft.get()).definition
        return str(definition["stages"][0]["steps"][0]["queue"])

    for text in ("g", "gp", "gpu"):
        typed(text)
    drafts.change(draft, lambda present: (operations.remove(present, wheel)[0], "wheel removed"))
    assert drafts.present(Draft.get()).said == "wheel removed"
    drafts.undo(draft)
    now_is = drafts.present(Draft.get())
    assert (queue(), now_is.undoes, now_is.redoes) == ("gpu", "to gpu", "wheel removed")
    drafts.undo(draft)
    assert queue() == "default"
    drafts.undo(draft)
    drafts.redo(draft)
    assert queue() == "gpu"
    made = drafts.save(drafts.present(Draft.get()), ann, "Faster.")
    assert made.definition["stages"][0]["steps"][0]["queue"] == "gpu"
    assert Draft.select().count() == DraftState.select().count() == 0


def test_tabs_that_take_up_a_draft_at_once_share_it(in_tabs: InTabs) -> None:
    ids = in_tabs(a_workflow([build("wheel")]))
    assert [row.id for row in Draft.select()] == list(ids)
    assert [state.number for state in DraftState.select()] == [0]


def test_tabs_that_begin_anew_at_once_share_the_new_draft(in_tabs: InTabs, ann: Actor) -> None:
    """The one that nobody touched is of an old revision: each tab would throw it away."""
    workflow = a_workflow([build("wheel")])
    old = drafts.take_up(ann, workflow)
    body = drafts.present(old).definition
    body["stages"][0]["order"] = 1
    workflows.update(workflow, parse(body, ChangedWorkflow), actor=ACTOR)
    (taken,) = in_tabs(Workflow.get_by_id(workflow.id))
    assert taken != old.id
    assert [(row.id, row.base_revision) for row in Draft.select()] == [(taken, 2)]

"""Drafts from creation to save; concurrent tabs share one draft."""

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
    """Open a workflow's draft in several tabs at once; return the ids that they got."""
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


def test_changes_are_undone_redone_and_saved(ann: Actor) -> None:
    workflow = a_workflow([build("wheel"), build("docs")])
    draft = drafts.take_up(ann, workflow)
    wheel = drafts.present(draft).definition["stages"][0]["steps"][0]["id"]

    def do(name: str, *arguments: object) -> drafts.Present:
        """Call a method of Editing; what it returns must be what the database has."""
        with drafts.editing(draft) as editing:
            getattr(editing, name)(*arguments)
        assert editing.present == drafts.present(Draft.get())
        return editing.present

    def typed(queue: str) -> None:
        definition = drafts.present(Draft.get()).definition
        filled, _ = operations.fill_in(definition, wheel, {"queue": queue})
        do("change", filled, f"to {queue}", wheel)

    def queue(state: drafts.Present) -> str:
        return str(state.definition["stages"][0]["steps"][0]["queue"])

    for text in ("g", "gp", "gpu"):
        typed(text)
    removed, _ = operations.remove(drafts.present(Draft.get()).definition, wheel)
    state = do("change", removed, "wheel deleted")
    assert (state.said, state.undoes, state.redoes) == ("wheel deleted", "wheel deleted", None)
    state = do("undo")
    assert (queue(state), state.undoes, state.redoes) == ("gpu", "to gpu", "wheel deleted")
    state = do("undo")
    assert (queue(state), state.undoes, state.redoes) == ("default", None, "to gpu")
    do("undo")
    assert queue(do("redo")) == "gpu"
    typed("tpu")
    state = do("redo")
    assert (queue(state), state.undoes, state.redoes) == ("tpu", "to tpu", None)
    saved = drafts.save(state, ann, "Faster.")
    assert saved.definition["stages"][0]["steps"][0]["queue"] == "tpu"
    assert Draft.select().count() == DraftState.select().count() == 0


def test_only_the_last_changes_can_be_undone(ann: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MAX_STATES", 3)
    draft = drafts.take_up(ann, a_workflow([build("wheel")]))
    with drafts.editing(draft) as editing:
        for number in range(6):
            definition = {**editing.present.definition, "description": str(number)}
            editing.change(definition, f"change {number}")
        for _ in range(9):
            editing.undo()
    assert editing.present.definition["description"] == "2"


def test_tabs_that_open_a_draft_at_once_share_it(in_tabs: InTabs) -> None:
    ids = in_tabs(a_workflow([build("wheel")]))
    assert [row.id for row in Draft.select()] == list(ids)
    assert [state.number for state in DraftState.select()] == [0]


def test_tabs_that_replace_a_draft_at_once_share_the_new_one(in_tabs: InTabs, ann: Actor) -> None:
    """The untouched draft has an old base, so each tab would discard it."""
    workflow = a_workflow([build("wheel")])
    old = drafts.take_up(ann, workflow)
    body = drafts.present(old).definition
    body["stages"][0]["order"] = 1
    workflows.update(workflow, parse(body, ChangedWorkflow), actor=ACTOR)
    (taken,) = in_tabs(Workflow.get_by_id(workflow.id))
    assert taken != old.id
    assert [(row.id, row.base_revision) for row in Draft.select()] == [(taken, 2)]

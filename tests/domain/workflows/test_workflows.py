"""Making, changing, deleting and finding workflows, on a real database."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from domain import models
from domain.accounts.access import Actor
from domain.definitions.schema import ChangedWorkflow, NewWorkflow
from domain.definitions.validate import parse
from domain.errors import Conflict, GalleyError, Invalid, NotFound, StaleRevision
from domain.models import (
    AuditEvent,
    Environment,
    Ingredient,
    Project,
    Run,
    TestSuite,
    Workflow,
    WorkflowRevision,
    write,
)
from domain.settings import Settings
from domain.workflows import queries as workflow_queries
from domain.workflows import workflows
from domain.workflows.queries import Detail

pytestmark = pytest.mark.usefixtures("projects")

AtOnce = Callable[[list[Callable[[], Any]]], list[str]]

ANN = Actor("0" * 24, "ann", roles={"shop": "SuperUser"}, address="192.0.2.1")


@pytest.fixture
def projects(database: models.Base) -> None:
    with write():
        for name in ("shop", "other"):
            Project.create(id=name, name=name.title(), created_by="root")


def body(name: str = "Release", **fields: Any) -> dict[str, Any]:
    build = {"ingredientId": "core", "buildScript": "make"}
    steps = [{"name": "compile", "type": "Build", "configuration": build}]
    return {"name": name, "stages": [{"name": "build", "order": 1, "steps": steps}], **fields}


def create(name: str = "Release", project_id: str = "shop", **fields: Any) -> Detail:
    new = parse(body(name, projectId=project_id, **fields), NewWorkflow)
    return workflows.create(new, actor=ANN)


def update(workflow: Workflow, if_match: set[str] | None = None, **fields: Any) -> Detail:
    changed = parse(body(**fields), ChangedWorkflow, project_id=workflow.project_id)
    return workflows.update(workflow, changed, actor=ANN, if_match=if_match)


def start_run(workflow: Workflow, **fields: Any) -> Run:
    with write():
        number = Run.select().where(Run.workflow == workflow.id).count() + 1
        run = Run.create(
            workflow=workflow.id,
            project_id=workflow.project_id,
            number=number,
            revision=1,
            trigger_source="test",
            triggered_by="ann",
            **fields,
        )
        Workflow.update(last_run_id=run.id, last_run_at=run.created_at).where(
            Workflow.id == workflow.id
        ).execute()
    return run


def names(**filters: Any) -> list[str]:
    return [row.name for row in workflow_queries.find(**filters)]


def test_a_new_workflow_is_stored_as_its_first_revision() -> None:
    made = create(description="weekly", concurrency=2, isEnabled=False)
    row = Workflow.get_by_id(made.workflow.id)
    assert (row.name, row.description, row.revision, row.concurrency) == ("Release", "weekly", 1, 2)
    assert (row.stage_count, row.step_count, row.is_enabled) == (1, 1, False)
    assert (row.created_by, row.updated_by, row.created_at) == ("ann", "ann", row.updated_at)
    assert workflow_queries.detail(row).definition == made.definition


def test_every_change_is_recorded_with_who_and_where_from() -> None:
    workflow = create().workflow
    update(workflow, name="New")
    workflows.switch(workflow, False, actor=ANN)
    workflows.delete(workflow, actor=ANN)
    events = list(AuditEvent.select().order_by(AuditEvent.id))
    assert sorted(event.action for event in events) == ["create", "delete", "disable", "update"]
    assert {(event.actor, event.address, event.object_id) for event in events} == {
        ("ann", "192.0.2.1", workflow.id)
    }


def test_a_name_is_unique_in_its_project_whatever_its_case() -> None:
    create("Straße")
    with pytest.raises(Conflict) as refused:
        create("STRASSE")
    assert refused.value.code == "duplicate_name"
    assert refused.value.details[0]["field"] == "/name"
    assert create("Straße", "other")
    assert Workflow.select().count() == 2
    assert WorkflowRevision.select().count() == 2


def test_a_workflow_can_change_the_case_of_its_own_name_but_not_take_another_one() -> None:
    workflow = create("Release").workflow
    create("Nightly")
    assert update(workflow, name="RELEASE").workflow.name == "RELEASE"
    with pytest.raises(Conflict):
        update(workflow, name="nightly")
    assert Workflow.get_by_id(workflow.id).revision == 2


def test_the_name_of_a_deleted_workflow_is_free_again() -> None:
    workflows.delete(create().workflow, actor=ANN)
    assert create()


def test_a_save_is_a_new_revision_even_if_nothing_changed() -> None:
    first = create()
    second = update(first.workflow)
    assert second.workflow.revision == 2
    assert second.definition == first.definition
    stored = workflow_queries.find_revisions(second.workflow)
    assert [(row.number, row.created_by) for row in stored] == [(2, "ann"), (1, "ann")]


def test_a_save_keeps_the_switch_unless_it_says_otherwise() -> None:
    workflow = create(isEnabled=False).workflow
    assert not update(workflow).workflow.is_enabled
    assert update(workflow, isEnabled=True).workflow.is_enabled


def test_the_switch_changes_the_version_but_makes_no_revision() -> None:
    before = create().workflow
    with write():
        Workflow.update(updated_at=before.updated_at - 5).execute()
    before = Workflow.get_by_id(before.id)
    after = workflows.switch(before, False, actor=ANN)
    assert (after.is_enabled, after.revision) == (False, 1)
    assert workflows.version_of(after) != workflows.version_of(before)


def test_an_old_revision_can_be_restored_with_its_ids() -> None:
    first = create()
    other = body()["stages"][0] | {"name": "other"}
    second = update(first.workflow, stages=[other])
    assert second.definition["stages"][0]["id"] != first.definition["stages"][0]["id"]
    again = parse(first.definition, ChangedWorkflow, project_id="shop")
    third = workflows.update(second.workflow, again, actor=ANN)
    assert third.definition == first.definition


def test_an_unknown_id_changes_nothing() -> None:
    workflow = create().workflow
    stranger = body()["stages"][0] | {"id": "f" * 24}
    with pytest.raises(Invalid) as refused:
        update(workflow, name="Other", stages=[stranger])
    assert refused.value.errors[0].code == "unknown_id"
    row = Workflow.get_by_id(workflow.id)
    assert (row.name, row.revision) == ("Release", 1)


def test_a_save_that_expects_another_version_is_told_what_is_there() -> None:
    seen = create().workflow
    newer = update(seen).workflow
    for loaded in (seen, newer):  # whether the caller's own row is old, or only what it expects
        with pytest.raises(StaleRevision) as refused:
            update(loaded, {workflows.version_of(seen)})
        assert refused.value.extra["currentRevision"] == 2
        assert refused.value.extra["updatedBy"] == "ann"
    with pytest.raises(StaleRevision):
        workflows.delete(newer, actor=ANN, if_match={workflows.version_of(seen)})
    assert update(newer, {workflows.version_of(newer)}).workflow.revision == 3


def test_what_was_deleted_meanwhile_is_not_found() -> None:
    seen = create().workflow
    workflows.delete(seen, actor=ANN)
    for act in (
        lambda: update(seen),
        lambda: workflows.delete(seen, actor=ANN),
        lambda: workflows.switch(seen, False, actor=ANN),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_workflow_with_a_run_in_progress_cannot_be_deleted() -> None:
    workflow = create().workflow
    start_run(workflow, status="Succeeded", completed_at=1)
    active = start_run(workflow, status="Running")
    with pytest.raises(Conflict) as refused:
        workflows.delete(workflow, actor=ANN)
    assert refused.value.code == "workflow_has_active_runs"
    assert [run["runId"] for run in refused.value.details] == [active.id]
    assert Workflow.get_by_id(workflow.id).deleted_at is None
    with write():
        Run.update(status="Failed", completed_at=2).where(Run.id == active.id).execute()
    workflows.delete(workflow, actor=ANN)
    assert names() == []
    assert Run.select().count() == 2


@pytest.fixture
def at_once(settings: Settings, database: models.Base) -> Iterator[AtOnce]:
    """Runs each act in a thread with a connection of its own; gives what each ended with."""
    pool = models.connect(settings, pooled=True)

    def run_all(acts: list[Callable[[], Any]]) -> list[str]:
        barrier = threading.Barrier(len(acts))
        results: list[str] = []

        def run(act: Callable[[], Any]) -> None:
            with pool.connection_context():
                barrier.wait(10)
                try:
                    act()
                    results.append("done")
                except GalleyError as error:
                    results.append(error.code)

        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return sorted(results)

    pool.connect()
    yield run_all
    pool.close_all()


def test_of_several_who_save_the_same_version_one_wins(at_once: AtOnce) -> None:
    seen = create().workflow
    expected = {workflows.version_of(seen)}
    results = at_once([lambda: update(seen, expected)] * 4)
    assert results == ["done", "stale_revision", "stale_revision", "stale_revision"]


def test_of_several_who_save_without_a_condition_each_gets_a_revision(at_once: AtOnce) -> None:
    seen = create().workflow
    assert at_once([lambda: update(seen)] * 4) == ["done"] * 4
    numbers = [row.number for row in workflow_queries.find_revisions(seen)]
    assert numbers == [5, 4, 3, 2, 1]


def test_of_several_who_take_the_same_name_one_gets_it(at_once: AtOnce) -> None:
    results = at_once([lambda: create("One")] * 4)
    assert results == ["done", "duplicate_name", "duplicate_name", "duplicate_name"]


def test_the_list_is_filtered_and_sorted() -> None:
    beta = create("beta").workflow
    create("Alpha", isEnabled=False)
    gamma = create("gamma", "other").workflow
    start_run(beta, created_at=2)
    start_run(gamma, created_at=1)
    assert names() == ["Alpha", "beta", "gamma"]
    assert names(sort="-name") == ["gamma", "beta", "Alpha"]
    assert names(sort="-lastRunAt") == ["beta", "gamma", "Alpha"]
    assert names(sort="lastRunAt") == ["Alpha", "gamma", "beta"]
    assert names(projects=["shop"]) == ["Alpha", "beta"]
    assert names(projects=[]) == []
    assert names(is_enabled=False) == ["Alpha"]


def test_the_list_is_sorted_by_the_last_change() -> None:
    for at, name in enumerate(("a", "b", "c")):
        workflow = create(name).workflow
        with write():
            changed = Workflow.update(updated_at=at % 2 * 100 + at)
            changed.where(Workflow.id == workflow.id).execute()
    assert names(sort="-updatedAt") == ["b", "c", "a"]
    assert names(sort="updatedAt") == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("ÜBER", ["Über 100%", "über_all"]),
        ("%", ["Über 100%"]),
        ("_", ["über_all"]),
        ("\\", ["back\\slash"]),
        ("'; --", []),
    ],
)
def test_the_search_takes_every_character_as_it_is(search: str, expected: list[str]) -> None:
    for name in ("Über 100%", "über_all", "back\\slash"):
        create(name)
    assert names(search=search) == expected


def test_the_last_runs_come_by_workflow() -> None:
    one, two, three = (create(name).workflow for name in ("one", "two", "three"))
    start_run(one)
    newest = start_run(one)
    gone = start_run(two)
    with write():
        gone.delete_instance()
    rows = list(workflow_queries.find())
    assert len(rows) == 3
    assert workflow_queries.last_runs(rows) == {one.id: newest}
    assert workflow_queries.last_runs([three]) == {}


def test_a_revision_that_never_was_is_not_found() -> None:
    workflow = create().workflow
    for number in (0, 2, 10**30):
        with pytest.raises(NotFound):
            workflow_queries.get_revision(workflow, number)


def test_what_a_definition_names_and_the_project_lacks_is_a_warning() -> None:
    with write():
        owner = {"created_by": "root", "name": "x"}
        Ingredient.create(id="core", project="shop", **owner)
        Ingredient.create(id="theirs", project="other", **owner)
        TestSuite.create(project="shop", name="unit", script="true", updated_by="root")
        Environment.create(project="other", name="prod", driver="script", updated_by="root")
    steps = [
        {"name": "1", "type": "Build", "configuration": {"ingredientId": "core"}},
        {"name": "2", "type": "Build", "configuration": {"ingredientId": "theirs"}},
        {"name": "3", "type": "Test", "configuration": {"testSuite": "unit"}},
        {"name": "4", "type": "Test", "configuration": {"testSuite": "load"}},
        {
            "name": "5",
            "type": "Deploy",
            "configuration": {"target": "prod", "artifactPath": "core@run:x"},
        },
    ]
    made = create(stages=[{"name": "all", "order": 0, "steps": steps}])
    where = "/stages/0/steps/"
    assert [(w.field, w.code) for w in made.warnings] == [
        (f"{where}1/configuration/ingredientId", "unknown_ingredient"),
        (f"{where}3/configuration/testSuite", "unknown_test_suite"),
        (f"{where}4/configuration/target", "unknown_environment"),
    ]
    assert made.warnings[0].message == "The project shop has no ingredient 'theirs'."
    assert workflow_queries.detail(made.workflow).warnings == made.warnings

"""What the audit keeps of a change, and how it is searched."""

import itertools

import pytest

from domain import engine, pagination
from domain.accounts import audit
from domain.accounts.access import Actor
from domain.accounts.audit import Filters, changed
from domain.clock import now
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.models import AuditEvent, Project, Run, StageRun, StepRun, db, new_id, write
from domain.pagination import Page
from domain.projects import environments, projects, test_suites
from domain.releases import ingredients
from domain.runs import external_completion
from domain.statuses import SUCCEEDED
from domain.workflows import workflows
from tests.support.pipelines import (
    a_project,
    a_suite,
    a_workflow,
    an_environment,
    build,
    start,
    step_named,
)

ANN = Actor("1", "ann", is_system_admin=True, address="192.0.2.1")


@pytest.fixture(autouse=True)
def project(database) -> Project:
    return a_project()


def last() -> AuditEvent:
    return AuditEvent.select().order_by(AuditEvent.id.desc()).first()


def told(event: AuditEvent) -> tuple[str, str, str, str, str | None, str]:
    """All but the detail and the time."""
    return (
        event.actor,
        event.action,
        event.object_kind,
        event.object_id,
        event.project_id,
        event.address,
    )


# ---- what people do to runs ------------------------------------------------------------------


@pytest.fixture
def run() -> Run:
    return start(a_workflow([build("a"), build("outside", script=None)], [build("c")]))


@pytest.fixture
def gate() -> StageRun:
    made = start(a_workflow({"steps": [build("a")], "approval": {"required": True}}))
    return StageRun.get(StageRun.run == made.id)


def test_who_stops_a_run_is_recorded_once(run):
    engine.abort_run(run.id, by=ANN)
    assert told(last()) == ("ann", "abort", "run", run.id, "pond", "192.0.2.1")
    assert last().detail == {"number": run.number}
    count = AuditEvent.select().count()
    engine.abort_run(run.id, by=ANN)
    assert AuditEvent.select().count() == count


def test_who_stops_a_step_is_recorded_once(run):
    step = step_named(run, "a")
    engine.abort_step(step, by=ANN)
    assert told(last()) == ("ann", "abort", "step", step.id, "pond", "192.0.2.1")
    assert last().detail == {"runId": run.id, "name": "a"}
    count = AuditEvent.select().count()
    engine.abort_step(step, by=ANN)
    assert AuditEvent.select().count() == count


def test_who_completes_a_step_is_recorded_once_and_told_by_the_run(run):
    step = step_named(run, "outside")
    for _ in range(2):
        external_completion.complete(step, success=True, release_id=None, message="made", actor=ANN)
    (event,) = AuditEvent.select().where(AuditEvent.action == "complete")
    assert told(event) == ("ann", "complete", "step", step.id, "pond", "192.0.2.1")
    assert event.detail == {
        "runId": run.id,
        "name": "outside",
        "status": SUCCEEDED,
        "releaseId": None,
    }
    assert [(e.actor, e.message) for e in run.events] == [("ann", "completed outside: Succeeded")]


@pytest.mark.parametrize(("decision", "action"), [("approved", "approve"), ("rejected", "reject")])
def test_who_decides_about_a_stage_is_recorded_with_the_comment_once(gate, decision, action):
    assert engine.decide_stage(gate, decision=decision, by=ANN, comment="go")
    assert told(last()) == ("ann", action, "stage", gate.id, "pond", "192.0.2.1")
    assert last().detail == {"runId": gate.run_id, "name": gate.name, "comment": "go"}
    count = AuditEvent.select().count()
    assert not engine.decide_stage(gate, decision="approved", by=ANN, comment="")
    assert AuditEvent.select().count() == count


@pytest.mark.parametrize(
    "change",
    [
        lambda run: engine.abort_run(run.id, by=ANN),
        lambda run: engine.abort_step(step_named(run, "a"), by=ANN),
        lambda run: engine.complete_external(
            step_named(run, "outside"), status=SUCCEEDED, message="", release_id=None, by=ANN
        ),
    ],
)
def test_what_cannot_be_recorded_is_not_done(run, monkeypatch, change):
    def broken(*_args, **_more):
        raise OSError("no room")

    before = list(StepRun.select().order_by(StepRun.id).dicts())
    monkeypatch.setattr(AuditEvent, "create", broken)
    with pytest.raises(OSError, match="no room"):
        change(run)
    assert list(StepRun.select().order_by(StepRun.id).dicts()) == before
    assert Run.get_by_id(run.id).cancelled_by is None


# ---- what changed ----------------------------------------------------------------------------


def test_only_fields_that_differ_are_named():
    assert changed({"name": "a", "role": "User"}, {"name": "b", "role": "User"}) == {
        "changed": {"name": {"from": "a", "to": "b"}}
    }
    assert changed({"name": "a"}, {"name": "a"}) == {"changed": {}}


@pytest.mark.parametrize("field", ["script", "value", "url", "password_hash", "anything_new"])
def test_the_values_of_other_than_plain_fields_are_never_told(field):
    (told,) = changed({field: "old"}, {field: "new"})["changed"].values()
    assert told == {}


@pytest.mark.parametrize("value", ["x" * 201, ["a"], [{"name": "a"}]])
def test_what_is_long_or_not_plain_is_only_named(value):
    assert changed({"description": ""}, {"description": value}) == {"changed": {"description": {}}}


def test_members_of_settings_are_fields_of_their_own_with_the_names_of_the_api():
    before = {"driver": "script", "settings": {"script": "make"}, "timeout_seconds": None}
    after = {"driver": "directory", "settings": {"path": "/srv"}, "timeout_seconds": 5}
    assert changed(before, after)["changed"] == {
        "driver": {"from": "script", "to": "directory"},
        "settings.script": {},
        "settings.path": {"from": None, "to": "/srv"},
        "timeoutSeconds": {"from": None, "to": 5},
    }


def test_a_change_of_a_project_says_from_what_to_what(project):
    projects.change_project(ANN, project, "Lake", "")
    assert last().detail == {"changed": {"name": {"from": "Pond", "to": "Lake"}}}


def test_a_change_of_an_ingredient_says_from_what_to_what(project):
    made = ingredients.create_ingredient(ANN, project, "swan", "Swan")
    ingredients.change_ingredient(ANN, made, "Swan", "white")
    assert last().detail == {"changed": {"description": {"from": "", "to": "white"}}}


def test_a_put_says_whether_it_made_something_and_what_changed_but_no_script(project):
    a_suite(project, "echo 1")
    values = {"script": "echo 2", "timeout_seconds": 5, "description": ""}
    test_suites.put_test_suite(ANN, project, "unit", values)
    assert last().detail == {
        "isNew": False,
        "changed": {"script": {}, "timeoutSeconds": {"from": None, "to": 5}},
    }
    test_suites.put_test_suite(ANN, project, "smoke", values)
    assert last().detail["isNew"]
    assert "echo" not in str([event.detail for event in AuditEvent.select()])


def test_a_put_of_an_environment_tells_its_plain_settings(project):
    an_environment(project, path="/srv/a", keep=5)
    values = {"driver": "directory", "settings": {"path": "/srv/b", "keep": 5}}
    environments.put_environment(ANN, project, "nest", values)
    assert last().detail == {
        "isNew": False,
        "changed": {"settings.path": {"from": "/srv/a", "to": "/srv/b"}},
    }


def test_a_save_of_a_workflow_names_what_it_changed():
    workflow = a_workflow([build("a")])
    body = {
        "name": "Nightly",
        "isEnabled": False,
        "stages": [{"name": "stage 1", "order": 1, "steps": [build("a", "make")]}],
    }
    workflows.update(workflow, parse(body, ChangedWorkflow), actor=ANN)
    assert last().detail == {
        "name": "Nightly",
        "revision": 2,
        "changed": {
            "name": {"from": "Release", "to": "Nightly"},
            "stages": {},
            "isEnabled": {"from": True, "to": False},
        },
    }


# ---- searching -------------------------------------------------------------------------------

T0 = 1_800_000_000_000
SECOND = 1000


@pytest.fixture
def events() -> list[str]:
    """One event a second, oldest first: their ids."""
    AuditEvent.delete().execute()
    actors = itertools.cycle(["ann", "ann", "bob"])
    rows = [
        {
            "id": f"{(T0 + number * SECOND) * 1000:013x}{number:011x}",
            "at": T0 + number * SECOND,
            "actor": next(actors),
            "action": "start" if number % 4 else "delete",
            "project_id": [None, "pond", "lake"][number % 3],
            "object_kind": "run" if number % 2 else "secret",
            "object_id": f"o{number % 5}",
        }
        for number in range(60)
    ]
    AuditEvent.insert_many([{**row, "detail": {}, "address": ""} for row in rows]).execute()
    return [row["id"] for row in rows]


def found(size: int = 200, **wanted: object) -> list[str]:
    return [row.id for row in audit.find(Filters(**wanted), Page(1, size), None)[0]]


def test_the_newest_come_first_and_the_cursor_goes_on_where_the_page_ended(events):
    seen, cursor = [], None
    while True:
        rows, total, cursor = audit.find(Filters(), Page(1, 7), cursor)
        assert total == 60
        seen += [row.id for row in rows]
        if cursor is None:
            break
    assert seen == events[::-1]


FILTERS = {
    "actor": "ann",
    "action": "delete",
    "project_id": "pond",
    "object_kind": "secret",
    "object_id": "o3",
}


@pytest.mark.parametrize(
    "names",
    [names for count in (1, 2, 3) for names in itertools.combinations(FILTERS, count)],
    ids="+".join,
)
def test_every_filter_holds_alone_and_with_others(events, names):
    wanted = {name: FILTERS[name] for name in names}
    rows = AuditEvent.select().order_by(AuditEvent.id.desc())
    fitting = [row.id for row in rows if all(getattr(row, n) == v for n, v in wanted.items())]
    assert found(**wanted) == fitting
    assert found(2, **wanted) == fitting[:2]


def test_what_nobody_did_is_not_found(events):
    assert audit.find(Filters(actor="nobody"), Page(), None) == ([], 0, None)


def test_since_takes_the_moment_itself_and_until_does_not(events):
    assert found(since=T0 + 58 * SECOND) == [events[59], events[58]]
    assert found(since=T0 + 58 * SECOND + 1) == [events[59]]
    assert found(until=T0 + SECOND) == [events[0]]
    assert found(since=T0 + SECOND, until=T0 + 2 * SECOND) == [events[1]]


def test_an_event_that_was_long_in_the_making_is_found_at_its_time():
    """Its id was taken before its time: a process may be paused in between."""
    AuditEvent.delete().execute()
    at = now() + 10 * 60 * SECOND
    row = {"actor": "ann", "action": "start", "object_kind": "run", "object_id": "1", "at": at}
    with write():
        AuditEvent.create(id=new_id(), **row)
    assert len(found(since=at)) == 1
    assert found(until=at) == []


@pytest.mark.parametrize("ms", [-(10**15), 0, 10**15])
def test_times_beyond_all_ids_leave_out_all_or_nothing(events, ms):
    assert len(found(since=ms)) == (60 if ms <= 0 else 0)
    assert len(found(until=ms)) == (0 if ms <= 0 else 60)


def test_so_many_are_counted_and_no_more(events, monkeypatch):
    monkeypatch.setattr(pagination, "COUNTED_TO", 20)
    assert audit.find(Filters(), Page(1, 10), None)[1] == 20
    assert audit.find(Filters(object_id="o3"), Page(1, 10), None)[1] == 12
    assert audit.find(Filters(), Page(1, 100), None)[1] == 60


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "sqlite_autoindex_audit_event_1"),
        ({"since": T0, "until": T0 + SECOND}, "sqlite_autoindex_audit_event_1"),
        ({"actor": "ann"}, "audit_event_actor_id"),
        ({"action": "start"}, "audit_event_action_id"),
        ({"project_id": "pond"}, "audit_event_project_id_id"),
        ({"object_kind": "run"}, "audit_event_object_kind_id"),
        ({"object_kind": "run", "object_id": "o1"}, "audit_event_object_id_id"),
        ({"project_id": "pond", "object_id": "o1", "since": T0}, "audit_event_object_id_id"),
        ({"project_id": "pond", "actor": "bob", "action": "x"}, "audit_event_action_id"),
        ({"project_id": "pond", "actor": "bob", "action": "start"}, "audit_event_actor_id"),
        ({"project_id": "pond", "actor": "ann", "action": "start"}, "audit_event_project_id_id"),
    ],
    ids=str,
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # PostgreSQL has statistics
def test_sqlite_goes_straight_to_the_newest_by_the_rarest_of_the_filters(events, wanted, index):
    newest = audit.matching(Filters(**wanted)).order_by(AuditEvent.id.desc()).limit(51)
    sql, params = newest.sql()
    (plan,) = db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
    assert f"USING INDEX {index} " in f"{plan[3]} "  # and no other line: nothing is sorted

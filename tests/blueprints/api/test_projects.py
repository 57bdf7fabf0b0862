"""Setting up a project over the API: members, test suites, environments."""

import pytest

from domain.definitions.references import environment_lock
from domain.errors import Conflict
from domain.models import AuditEvent, Deployment, Environment, Member, Run, StepRun, TestSuite
from tests.support.world import World

DIRECTORY = {"driver": "directory", "settings": {"path": "/srv/site"}}


@pytest.fixture
def world(app, project):
    return World(app, project)


@pytest.fixture
def admin(client, people):
    return Caller(client, people.admin)


@pytest.fixture
def root(client, people):
    return Caller(client, people.sysadmin)


class Caller:
    """Sends JSON with a person's token."""

    def __init__(self, client, person):
        self.client, self.headers = client, person.headers()

    def __getattr__(self, method):
        def send(path, json=None):
            return self.client.open(path, method=method.upper(), json=json, headers=self.headers)

        return send


def test_a_made_project_is_there_with_its_maker_and_time(root):
    made = root.post("/api/projects", {"id": "lake", "name": " Lake ", "description": "d"})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/projects/lake"
    assert made.json == root.get("/api/projects/lake").json
    assert made.json["name"] == "Lake"
    assert made.json["createdBy"] == "sysadmin"
    assert made.json["createdAt"].endswith("Z")


def test_everybody_lists_the_projects_they_may_read(client, people):
    for person, ids in [
        (people.stranger, ["elsewhere"]),
        (people.user, ["pond"]),
        (people.sysadmin, ["elsewhere", "pond"]),
    ]:
        listed = Caller(client, person).get("/api/projects").json
        assert [item["id"] for item in listed["items"]] == ids
        assert listed["totalCount"] == len(ids)


def test_pages_of_a_list_hold_every_item_once_in_a_stable_order(root):
    for number in range(5):
        root.post("/api/projects", {"id": f"p{number}", "name": "P"})
    pages = [root.get(f"/api/projects?pageSize=3&page={page}").json for page in (1, 2, 3, 4)]
    ids = [item["id"] for page in pages for item in page["items"]]
    assert ids == sorted(ids) == ["elsewhere", "p0", "p1", "p2", "p3", "p4", "pond"]
    assert [len(page["items"]) for page in pages] == [3, 3, 1, 0]
    assert {page["totalCount"] for page in pages} == {7}
    assert pages[1]["page"] == 2
    assert pages[1]["pageSize"] == 3


def test_an_admin_changes_the_project_but_not_its_id(admin):
    assert admin.put("/api/projects/pond", {"name": "New"}).json["name"] == "New"
    refused = admin.put("/api/projects/pond", {"id": "lake", "name": "New"})
    assert refused.json["error"]["details"][0]["field"] == "/id"


# ---- members ---------------------------------------------------------------------------------


def test_a_member_is_added_then_changed_then_removed(admin, people, client):
    path = "/api/projects/pond/members/stranger"
    stranger = Caller(client, people.stranger)
    assert stranger.get("/api/projects/pond").status_code == 404
    assert admin.put(path, {"role": "User"}).status_code == 201
    assert stranger.get("/api/projects/pond").json["yourRole"] == "User"
    assert admin.put(path, {"role": "Admin"}).status_code == 200
    assert stranger.get("/api/projects/pond").json["yourRole"] == "Admin"
    assert admin.delete(path).status_code == 204
    assert stranger.get("/api/projects/pond").status_code == 404
    assert admin.delete(path).status_code == 404


@pytest.mark.parametrize("role", ["System_Admin", "user", "", None, 1])
def test_a_role_that_is_none_is_refused(admin, role):
    response = admin.put("/api/projects/pond/members/user", {"role": role})
    assert response.status_code == 422
    assert response.json["error"]["details"][0]["field"] == "/role"
    assert Member.select().where(Member.role == role).count() == 0


def test_a_user_who_does_not_exist_is_404(admin):
    assert admin.put("/api/projects/pond/members/gone", {"role": "User"}).status_code == 404


def test_members_are_listed_with_their_roles(admin):
    items = admin.get("/api/projects/pond/members").json["items"]
    assert [(item["username"], item["role"]) for item in items] == [
        ("admin", "Admin"),
        ("superuser", "SuperUser"),
        ("user", "User"),
    ]


# ---- test suites -----------------------------------------------------------------------------


def test_a_put_makes_a_suite_and_the_next_replaces_it(admin):
    path = "/api/projects/pond/testsuites/unit"
    made = admin.put(path, {"script": "make test", "timeoutSeconds": 60, "description": "d"})
    assert made.status_code == 201
    replaced = admin.put(path, {"script": "true"})
    assert replaced.status_code == 200
    assert replaced.json["timeoutSeconds"] is None
    assert replaced.json["description"] == ""
    assert admin.get(path).json == replaced.json
    assert TestSuite.select().count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"script": ""}, "/script"),
        ({"script": "ü" * 33_000}, "/script"),
        ({"script": "true", "timeoutSeconds": 0}, "/timeoutSeconds"),
        ({"script": "true", "timeoutSeconds": 86_401}, "/timeoutSeconds"),
        ({"script": "true", "timeoutSeconds": 1.5}, "/timeoutSeconds"),
        ({"script": "true", "timeoutSeconds": True}, "/timeoutSeconds"),
        ({"script": "a\0b"}, "/script"),
    ],
)
def test_a_suite_that_could_not_work_is_refused(admin, body, field):
    response = admin.put("/api/projects/pond/testsuites/unit", body)
    assert response.status_code == 422
    assert [d["field"] for d in response.json["error"]["details"]] == [field]
    assert not TestSuite.select().exists()


@pytest.mark.parametrize("kind", ["testsuites", "environments"])
@pytest.mark.parametrize("name", ["Unit", "-x", "a b", "x" * 101, "%C3%BC"])
def test_names_in_addresses_follow_the_rule_of_slugs(admin, kind, name):
    body = {"script": "true"} if kind == "testsuites" else DIRECTORY
    response = admin.put(f"/api/projects/pond/{kind}/{name}", body)
    assert response.status_code == 422
    assert response.json["error"]["details"][0]["code"] == "invalid_format"


def test_a_deleted_suite_is_gone(admin, world):
    path = f"/api/projects/pond/testsuites/{world.test_suite()}"
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert admin.delete(path).status_code == 404


# ---- environments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "given", "kept"),
    [
        ("directory", {"path": "/srv/x"}, {"path": "/srv/x", "keep": 5}),
        ("directory", {"path": "/srv/x", "keep": 1}, {"path": "/srv/x", "keep": 1}),
        ("script", {"script": "cp"}, {"script": "cp"}),
        ("storage", {"url": "s3://b/p"}, {"url": "s3://b/p"}),
    ],
)
def test_each_driver_has_its_settings_with_defaults_filled_in(admin, driver, given, kept):
    path = "/api/projects/pond/environments/prod"
    made = admin.put(path, {"driver": driver, "settings": given, "requiresApproval": True})
    assert made.status_code == 201
    assert made.json["settings"] == kept
    assert made.json["requiresApproval"] is True
    assert made.json["deployed"] is None
    assert Environment.get().settings == kept


@pytest.mark.parametrize(
    ("driver", "given", "fields"),
    [
        ("directory", {}, ["/settings/path"]),
        ("directory", {"path": "srv"}, ["/settings/path"]),
        ("directory", {"path": "/"}, ["/settings/path"]),
        ("directory", {"path": "/srv/../etc"}, ["/settings/path"]),
        ("directory", {"path": "/srv", "keep": 0}, ["/settings/keep"]),
        ("directory", {"path": 1, "url": "x"}, ["/settings/path", "/settings/url"]),
        ("script", {"script": ""}, ["/settings/script"]),
        ("storage", {"url": "/tmp"}, ["/settings/url"]),
        ("storage", [], ["/settings"]),
        ("rocket", {}, ["/driver"]),
    ],
)
def test_settings_that_do_not_fit_the_driver_are_refused(admin, driver, given, fields):
    body = {"driver": driver, "settings": given}
    response = admin.put("/api/projects/pond/environments/prod", body)
    assert response.status_code == 422
    assert [d["field"] for d in response.json["error"]["details"]] == fields
    assert not Environment.select().exists()


def test_an_environment_says_what_is_deployed_there_now(admin, world):
    place, other = world.environment(), world.environment()
    first = world.deployment(place)
    newest = world.deployment(place)
    world.deployment(place, "Failed")
    shown = admin.get(f"/api/projects/pond/environments/{place.name}").json
    assert shown["deployed"]["id"] == newest.id != first.id
    listed = admin.get("/api/projects/pond/environments").json["items"]
    assert {item["name"]: (item["deployed"] or {}).get("id") for item in listed} == {
        place.name: newest.id,
        other.name: None,
    }


def test_an_environment_tells_of_a_deployment_whose_outcome_nobody_knows(admin, world):
    place = world.environment()
    step = world.ended_run(type="Deploy", outside_effect="unknown")
    lost = world.deployment(place, "Failed")
    Deployment.update(step_run_id=step.id).where(Deployment.id == lost.id).execute()
    path = f"/api/projects/pond/environments/{place.name}"
    assert admin.get(path).json["outcomeUnknown"]["id"] == lost.id
    (item,) = admin.get("/api/projects/pond/environments").json["items"]
    assert item["outcomeUnknown"]["id"] == lost.id
    StepRun.update(outside_effect="did_not").execute()
    assert admin.get(path).json["outcomeUnknown"] is None


def test_deployments_are_listed_newest_first_and_followed_by_cursor(admin, world):
    place = world.environment()
    ids = sorted((world.deployment(place).id for _ in range(5)), reverse=True)
    path, seen, cursor = f"/api/projects/pond/environments/{place.name}/deployments", [], ""
    for _ in range(3):
        page = admin.get(f"{path}?pageSize=2{cursor}").json
        assert page["totalCount"] == 5
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ids
    assert page["nextCursor"] is None
    assert admin.get(f"{path}?cursor=nonsense").status_code == 422


@pytest.mark.parametrize("status", ["Pending", "Running"])
def test_an_environment_goes_with_its_history_but_not_while_a_run_deploys_to_it(
    admin, world, status
):
    place = world.environment()
    world.deployment(place, "Failed")
    step = world.run(type="Deploy", status=status, lock_key=environment_lock(place.id))
    path = f"/api/projects/pond/environments/{place.name}"
    refused = admin.delete(path)
    assert (refused.status_code, refused.json["error"]["code"]) == (
        Conflict.status,
        "environment_busy",
    )
    assert refused.json["error"]["details"][0]["runId"] == step.run_id
    Run.update(completed_at=1).execute()
    assert admin.delete(path).status_code == 204
    assert not Deployment.select().exists()


def test_every_change_is_in_the_audit(admin, root):
    admin.put("/api/projects/pond", {"name": "New"})
    admin.put("/api/projects/pond/members/stranger", {"role": "User"})
    admin.delete("/api/projects/pond/members/stranger")
    admin.put("/api/projects/pond/testsuites/unit", {"script": "true"})
    admin.delete("/api/projects/pond/testsuites/unit")
    admin.put("/api/projects/pond/environments/prod", DIRECTORY)
    admin.delete("/api/projects/pond/environments/prod")
    root.post("/api/projects", {"id": "lake", "name": "Lake"})
    events = AuditEvent.select().where(AuditEvent.project_id.is_null(False))
    assert sorted((e.actor, e.action, e.object_kind, e.object_id) for e in events) == [
        ("admin", "change", "project", "pond"),
        ("admin", "delete", "environment", "prod"),
        ("admin", "delete", "member", "stranger"),
        ("admin", "delete", "test_suite", "unit"),
        ("admin", "put", "environment", "prod"),
        ("admin", "put", "member", "stranger"),
        ("admin", "put", "test_suite", "unit"),
        ("sysadmin", "create", "project", "lake"),
    ]
    assert {e.address for e in events} == {"127.0.0.1"}

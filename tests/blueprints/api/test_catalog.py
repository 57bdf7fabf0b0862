"""Ingredients, releases, downloads, users and tokens over the API."""

import hashlib

import pytest

from domain.models import Ingredient, Package, Token, User
from tests.support.world import World


@pytest.fixture
def world(app, project):
    return World(app, project)


@pytest.fixture
def headers(people):
    return people.superuser.headers()


# ---- ingredients and releases ----------------------------------------------------------------


def test_an_ingredient_is_made_found_and_changed(client, headers, project):
    body = {"id": "lib", "projectId": "pond", "name": "Lib", "description": "d"}
    made = client.post("/api/ingredients", json=body, headers=headers)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/ingredients/lib")
    assert made.json == client.get("/api/ingredients/lib", headers=headers).json
    assert made.json | body == made.json
    assert made.json["latestRelease"] is None
    changed = client.put("/api/ingredients/lib", json={"name": "New"}, headers=headers)
    assert (changed.json["name"], changed.json["description"]) == ("New", "")


def test_an_id_is_taken_in_the_whole_installation(client, people, world):
    taken = world.ingredient().id
    body = {"id": taken, "projectId": "elsewhere", "name": "Mine"}
    response = client.post("/api/ingredients", json=body, headers=people.stranger.headers())
    assert (response.status_code, response.json["error"]["code"]) == (409, "duplicate_name")
    assert Ingredient.get_by_id(taken).project_id == "pond"


def test_an_ingredient_of_a_project_one_cannot_see_cannot_be_made(client, people):
    body = {"id": "lib", "projectId": "pond", "name": "Lib"}
    response = client.post("/api/ingredients", json=body, headers=people.stranger.headers())
    assert response.status_code == 404
    assert not Ingredient.select().exists()


def test_a_list_shows_what_the_caller_may_read_and_one_project_if_asked(client, people, world):
    mine = world.ingredient().id
    Ingredient.create(id="other", project="elsewhere", name="O", created_by="test")
    for person, query, ids in [
        (people.user, "", [mine]),
        (people.stranger, "", ["other"]),
        (people.sysadmin, "", sorted([mine, "other"])),
        (people.sysadmin, "?projectId=pond", [mine]),
    ]:
        listed = client.get(f"/api/ingredients{query}", headers=person.headers()).json
        assert [item["id"] for item in listed["items"]] == ids
    hidden = client.get("/api/ingredients?projectId=pond", headers=people.stranger.headers())
    assert hidden.status_code == 404


def test_an_ingredient_shows_its_latest_release(client, headers, world):
    part = world.ingredient()
    world.release(part)
    latest = world.release(part)
    shown = client.get(f"/api/ingredients/{part.id}", headers=headers).json["latestRelease"]
    assert (shown["id"], shown["version"]) == (latest.id, latest.version)
    (listed,) = client.get("/api/ingredients", headers=headers).json["items"]
    assert listed["latestRelease"] == shown


def test_releases_are_listed_newest_first_with_their_packages_and_followed_by_cursor(
    client, headers, world
):
    part = world.ingredient()
    made = [world.release(part) for _ in range(3)]
    world.package(made[2], "b.txt")
    world.package(made[2], "a.txt")
    path = f"/api/ingredients/{part.id}/releases?pageSize=2"
    first = client.get(path, headers=headers).json
    assert [item["id"] for item in first["items"]] == [made[2].id, made[1].id]
    assert [item["path"] for item in first["items"][0]["packages"]] == ["a.txt", "b.txt"]
    later = world.release(part)
    rest = client.get(f"{path}&cursor={first['nextCursor']}", headers=headers).json
    assert [item["id"] for item in rest["items"]] == [made[0].id]
    assert rest["nextCursor"] is None
    assert later.id not in str(rest)


def test_a_release_shows_where_it_comes_from_and_its_packages(client, headers, world):
    release = world.release()
    package = world.package(release, data=b"hello")
    shown = client.get(f"/api/releases/{release.id}", headers=headers).json
    assert shown["version"] == release.version
    assert (shown["runId"], shown["stepRunId"]) == (None, None)
    assert shown["packages"] == [
        {"path": package.path, "size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}
    ]


@pytest.mark.parametrize("release_id", ["0" * 24, "x", "latest", "0" * 25])
def test_a_release_that_does_not_exist_is_404(client, headers, release_id):
    assert client.get(f"/api/releases/{release_id}", headers=headers).status_code == 404


def test_a_package_comes_as_an_attachment_that_no_browser_runs(client, headers, world):
    release = world.release()
    package = world.package(release, "site/ü.html", b"<script>alert(1)</script>")
    path = f"/api/releases/{release.id}/packages/site/%C3%BC.html"
    response = client.get(path, headers=headers, buffered=True)
    assert response.data == b"<script>alert(1)</script>"
    assert response.content_length == package.size == len(response.data)
    assert response.content_type == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%C3%BC.html" in response.headers["Content-Disposition"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["ETag"] == f'"{package.sha256}"'


def test_a_package_whose_bytes_are_lost_says_so(client, headers, world):
    release = world.release()
    package = world.package(release, "a.txt")
    Package.update(sha256="0" * 64).where(Package.id == package.id).execute()
    path = f"/api/releases/{release.id}/packages/a.txt"
    response = client.get(path, headers=headers)
    assert response.status_code == 500
    assert response.json["error"]["code"] == "storage_error"


def test_a_package_that_one_has_is_not_sent_again(client, headers, world):
    release = world.release()
    package = world.package(release, "a.txt")
    path = f"/api/releases/{release.id}/packages/a.txt"
    known = {**headers, "If-None-Match": f'"{package.sha256}"'}
    response = client.get(path, headers=known)
    assert (response.status_code, response.data) == (304, b"")


def test_a_head_request_tells_the_size_and_sends_nothing(client, headers, world):
    release = world.release()
    world.package(release, "a.txt", b"12345")
    path = f"/api/releases/{release.id}/packages/a.txt"
    response = client.head(path, headers=headers, buffered=True)
    assert (response.status_code, response.content_length, response.data) == (200, 5, b"")


@pytest.mark.parametrize("path", ["b.txt", "../a.txt", "a.txt/", "%2e%2e/a.txt", "/a.txt"])
def test_a_package_that_the_release_does_not_have_is_404(client, headers, world, path):
    release = world.release()
    world.package(release, "a.txt")
    response = client.get(f"/api/releases/{release.id}/packages/{path}", headers=headers)
    assert response.status_code == 404


# ---- users and tokens ------------------------------------------------------------------------


def test_a_user_is_made_and_never_shows_a_password(client, people):
    root = people.sysadmin.headers()
    body = {"username": "ann", "password": "correct horse", "displayName": "Ann", "email": "a@b"}
    made = client.post("/api/users", json=body, headers=root)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/users/ann")
    assert made.json == client.get("/api/users/ann", headers=root).json
    assert "password" not in str(made.json).lower()
    assert made.json["isSystemAdmin"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "me"}, "/username"),
        ({"username": "tokens"}, "/username"),
        ({"username": "Ann Lee"}, "/username"),
        ({"username": "ann", "password": "short"}, "/password"),
        ({"username": "ann", "displayName": "a\nb"}, "/displayName"),
        ({"username": "ann", "isSystemAdmin": "yes"}, "/isSystemAdmin"),
    ],
)
def test_a_user_that_breaks_a_rule_is_refused(client, people, body, field):
    response = client.post("/api/users", json=body, headers=people.sysadmin.headers())
    assert response.status_code == 422
    assert [d["field"] for d in response.json["error"]["details"]] == [field]
    assert not User.get_or_none(User.username == "ann")


def test_everybody_sees_themselves_with_their_roles(client, people):
    me = client.get("/api/users/me", headers=people.superuser.headers("read")).json
    assert me["username"] == "superuser"
    assert me["projects"] == [{"projectId": "pond", "role": "SuperUser"}]
    assert me["scope"] == "read"
    assert client.get("/api/users/superuser", headers=people.superuser.headers()).status_code == 200
    assert client.get("/api/users/admin", headers=people.superuser.headers()).status_code == 403


def test_a_token_is_shown_once_works_and_can_be_revoked(client, people):
    mine = people.user.headers()
    body = {"name": "ci", "expiresIn": 30, "scopes": ["write"]}
    made = client.post("/api/users/tokens", json=body, headers=mine).json
    assert made["token"].startswith("gal_")
    assert made["scopes"] == ["read", "write"]
    assert made["expiresAt"] > made["createdAt"]
    listed = client.get("/api/users/tokens", headers=mine)
    assert made["id"] in [item["id"] for item in listed.json["items"]]
    assert made["token"] not in listed.get_data(as_text=True)
    new = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/api/users/me", headers=new).json["username"] == "user"
    assert client.delete(f"/api/users/tokens/{made['id']}", headers=mine).status_code == 204
    assert client.get("/api/users/me", headers=new).status_code == 401


def test_a_token_reads_only_unless_more_is_asked_for(client, people):
    headers = people.user.headers()
    assert client.post("/api/users/tokens", json={"name": "x"}, headers=headers).json["scopes"] == [
        "read"
    ]


@pytest.mark.parametrize(
    "more", [{"scopes": []}, {"scopes": ["all"]}, {"expiresIn": 0}, {"expiresIn": "1"}]
)
def test_a_token_that_breaks_a_rule_is_refused(client, people, more):
    headers = people.user.headers()
    before = Token.select().count()
    response = client.post("/api/users/tokens", json={"name": "x", **more}, headers=headers)
    assert response.status_code == 422
    assert Token.select().count() == before


def test_nobody_sees_or_revokes_the_tokens_of_somebody_else(client, people, world):
    theirs = world.token(people.admin)
    headers = people.user.headers()
    assert theirs not in client.get("/api/users/tokens", headers=headers).get_data(as_text=True)
    assert client.delete(f"/api/users/tokens/{theirs}", headers=headers).status_code == 404
    assert Token.get_or_none(Token.id == theirs)

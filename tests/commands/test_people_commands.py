"""`galley user` and `galley token`, on a remote server and on this machine's database."""

import httpx
import pytest

HERE = {"GALLEY_URL": None, "GALLEY_TOKEN": None}
GOOD = "a good password"


def whoami(server, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.stack.url}/api/users/me", headers=headers)


@pytest.fixture
def place(server, request) -> dict[str, str | None]:
    """The environment to use the API, or the settings of the server's machine."""
    if request.param == "remote":
        return {}
    return {**HERE, "GALLEY_DATA_DIR": str(server.stack.data_dir)}


both = pytest.mark.parametrize("place", ["remote", "here"], indirect=True)


@both
def test_a_token_is_made_listed_and_revoked(server, galley, place):
    name = server.name("label")
    made = galley("token", "create", "admin", "--name", name, "--days", "3", **place)
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert made.stdout == f"{token}\n"
    assert whoami(server, token).json()["scope"] == "read"
    listed = galley("token", "list", "admin", **place).stdout.splitlines()
    assert listed[0].split("  ")[0] == "ID"
    (row,) = [line.split() for line in listed if line.endswith(f"  {name}")]
    assert row[1] == "read"
    assert row[2].startswith("20")
    assert token not in "".join(listed)
    revoked = galley("token", "revoke", row[0], **place)
    assert revoked.stdout == f"Token {row[0]} revoked.\n"
    assert whoami(server, token).status_code == 401
    again = galley("token", "revoke", row[0], **place)
    assert (again.returncode, "There is no token" in again.stderr) == (1, True)


@both
def test_a_user_is_made_and_gets_a_new_password(server, galley, place):
    name = server.name("person")
    made = galley("user", "add", name, "--system-admin", "--password", GOOD, **place)
    assert made.stdout == f"User {name} created.\n", made.stderr
    assert server.send("GET", f"/api/users/{name}")["isSystemAdmin"] is True
    assert signs_in(server, name, GOOD)
    changed = galley("user", "password", name, "--password", "another one", **place)
    assert changed.stdout == f"Password of {name} changed.\n", changed.stderr
    assert signs_in(server, name, "another one")
    assert not signs_in(server, name, GOOD)


def test_changing_ones_own_password_over_the_api_needs_the_current_one(server, galley):
    name = server.name("person")
    server.send("POST", "/api/users", {"username": name, "password": GOOD})
    here = {**HERE, "GALLEY_DATA_DIR": str(server.stack.data_dir)}
    made = galley("token", "create", name, "--name", "own", "--scope", "write", **here)
    own = {"GALLEY_TOKEN": made.stdout.strip()}
    command = ("user", "password", name, "--password", "another one")
    wrong = galley(*command, typed="a guess\n", **own)
    assert (wrong.returncode, signs_in(server, name, GOOD)) == (1, True)
    assert "This is not your current password." in wrong.stderr
    right = galley(*command, typed=f"{GOOD}\n", **own)
    assert (right.returncode, signs_in(server, name, "another one")) == (0, True)


@both
def test_a_password_that_is_too_short_is_refused(galley, place):
    done = galley("user", "add", "shorty", "--password", "short", **place)
    assert done.returncode == 1
    assert "must have at least 8 characters" in done.stderr


@both
def test_a_password_that_is_not_given_is_asked_for_twice(server, galley, place):
    name = server.name("person")
    done = galley("user", "add", name, typed=f"{GOOD}\n{GOOD}\n", **place)
    assert done.returncode == 0, done.stderr
    assert signs_in(server, name, GOOD)
    assert GOOD not in done.stdout + done.stderr


def test_the_api_creates_only_own_tokens(server, galley):
    server.send("POST", "/api/users", {"username": "other"})
    for command in (("create", "other", "--name", "x"), ("list", "other")):
        done = galley("token", *command)
        assert done.returncode == 1
        assert "GALLEY_TOKEN belongs to admin, who cannot manage tokens of other" in done.stderr


def test_the_first_token_comes_from_this_machines_database(server, galley):
    place = {"GALLEY_TOKEN": None, "GALLEY_DATA_DIR": str(server.stack.data_dir)}
    done = galley("token", "create", "admin", "--name", "first", **place)
    assert whoami(server, done.stdout.strip()).status_code == 200


def test_without_a_token_a_remote_server_is_not_mistaken_for_this_machine(galley):
    done = galley("token", "list", "admin", GALLEY_URL="https://galley.example", GALLEY_TOKEN=None)
    assert done.returncode == 1
    assert done.stderr.startswith("galley: GALLEY_TOKEN is not set.")


def signs_in(server, name: str, password: str) -> bool:
    with httpx.Client(base_url=server.stack.url) as http:
        page = http.get("/login").text
        csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"username": name, "password": password, "csrf_token": csrf}
        return http.post("/login", data=form).status_code == 303

"""`galley workflow`: definitions as files."""

import contextlib
import json
from collections.abc import Iterator

import pytest
import yaml

from client import ApiError, http
from client.http import Client
from tests.commands.program import step


@pytest.fixture
def client(server) -> Iterator[Client]:
    with contextlib.closing(Client(server.stack.url, server.token)) as client:
        yield client


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_an_exported_workflow_can_be_applied(server, galley, tmp_path, option):
    workflow = server.workflow(step("echo one"))
    exported = galley("workflow", "export", workflow["name"], *option).stdout
    definition = json.loads(exported) if option else yaml.safe_load(exported)
    assert not {"id", "revision", "updatedAt"} & definition.keys()
    file = tmp_path / "flow"
    file.write_text(exported.replace("echo one", "echo two"))
    applied = galley("workflow", "apply", str(file))
    assert applied.returncode == 0, applied.stderr
    name, own_id = workflow["name"], workflow["id"]
    assert applied.stdout == f"{name}: updated, revision 2, id {own_id}\n"


def test_a_name_that_is_new_is_created(server, galley, tmp_path):
    file = tmp_path / "flow.yaml"
    stage = {"name": "Work", "order": 1, "steps": [step("true")]}
    name = server.name("New")
    file.write_text(yaml.safe_dump({"name": name, "projectId": "pond", "stages": [stage]}))
    assert galley("workflow", "apply", str(file)).stdout.startswith(f"{name}: created, revision 1")


def test_every_error_of_a_file_is_named(galley, tmp_path):
    file = tmp_path / "flow.yaml"
    file.write_text("{projectId: pond, stages: [{order: '1'}]}")
    done = galley("workflow", "apply", str(file))
    assert done.returncode == 1
    for field in ("/name", "/stages/0/name", "/stages/0/order", "/stages/0/steps"):
        assert f"  {field}: " in done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [("flow.yaml", "projectId: pond\nname: a: b\n"), ("flow.json", '{"name": "a",\n"name": 1}')],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_line(galley, tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    done = galley("workflow", "apply", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file} cannot be read:\n  line 2, column " in done.stderr


def test_a_workflow_is_found_however_many_have_similar_names(server, client, monkeypatch):
    monkeypatch.setattr(http, "PAGE_SIZE", 2)
    stem = server.name("similar")
    for number in range(5):
        server.workflow(step("true"), name=f"{stem} {number}")
    last = server.workflow(step("true"), name=f"{stem} 9")
    assert client.find_workflow(last["name"].upper(), "pond")["id"] == last["id"]
    assert client.find_workflow(stem) is None
    assert client.apply(_definition(last))[0] == "updated"


def test_a_change_by_another_user_is_not_overwritten(server):
    workflow = server.workflow(step("echo one"))
    path = f"/api/workflows/{workflow['id']}"

    class Slow(Client):
        """Another user saves first."""

        def request(self, method, path, **options):
            if method == "PUT":
                server.send("PUT", path, {**_definition(workflow), "description": "theirs"})
            return super().request(method, path, **options)

    slow = Slow(server.stack.url, server.token)
    with contextlib.closing(slow), pytest.raises(ApiError, match="stale_revision") as caught:
        slow.apply({**_definition(workflow), "description": "mine"})
    assert "admin" in str(caught.value)
    assert server.send("GET", path)["description"] == "theirs"


def test_a_missing_workflow_is_reported(galley):
    done = galley("workflow", "export", "Nothing at all")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("galley: There is no workflow 'Nothing at all' that you may see.")


def _definition(workflow: dict) -> dict:
    return {key: workflow[key] for key in ("name", "projectId", "stages", "description")}

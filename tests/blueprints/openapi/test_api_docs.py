"""The API's page: made on the server from the document, complete, and light."""

import gzip
import json
import re
import shlex
from collections.abc import Iterator
from html import unescape

import pytest

from app import create_app
from blueprints.openapi.reference import nouns
from domain import models
from domain.error_codes import ERRORS, FIELD_ERRORS, REASONS
from tests.conftest import settings_for
from tests.support.contract import DOCUMENT

CALLS = [call for noun in nouns(DOCUMENT) for call in noun.calls]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As somebody sees it who is not signed in."""
    app = create_app(settings_for(tmp_path_factory.mktemp("docs")))
    answer = app.test_client().get("/api/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    yield answer.text
    models.db.obj.close_all()


def test_it_shows_every_call_of_the_document(page: str):
    assert len(CALLS) == sum(len(methods) for methods in DOCUMENT["paths"].values())
    missing = [call.id for call in CALLS if f'<article class="call" id="{call.id}"' not in page]
    assert missing == []


@pytest.mark.parametrize(
    "codes", [ERRORS, FIELD_ERRORS, REASONS], ids=["errors", "faults", "reasons"]
)
def test_it_explains_every_code(page: str, codes: dict[str, str]):
    assert [code for code in codes if f'<th scope="row"><code>{code}</code>' not in page] == []


def test_its_links_lead_somewhere_on_the_page(page: str):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids), "an id stands twice"
    assert set(re.findall(r'href="#([^"]+)"', page)) - set(ids) == set()


def test_nothing_on_it_comes_from_elsewhere(page: str):
    loaded = re.findall(r'<(?:script|link|img|use)[^>]*(?:src|href)="([^"]+)"', page)
    assert loaded
    assert [address for address in loaded if not address.startswith("/static/")] == []
    assert " style=" not in page


def test_it_is_light(page: str):
    assert len(gzip.compress(page.encode())) < 60_000


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)
def test_an_example_is_a_line_for_a_shell(page: str, call):
    for example in call.examples:
        words = shlex.split(example.replace("\\\n", " "))
        assert words[0] == "curl"
        assert ("-X" in words) == (call.method != "GET")
        address = next(word for word in words if word.startswith("$GALLEY_URL"))
        assert re.sub(r"\$(\w+)", r"{\1}", address.removeprefix("$GALLEY_URL")) == call.path
        if "-d" in words:
            assert isinstance(json.loads(words[words.index("-d") + 1]), dict)
        assert example in unescape(page)


def test_members_are_told_as_people_say_it():
    (call,) = [call for call in CALLS if call.id == "createWorkflow"]
    assert call.body is not None
    members = {member.name: member for member in call.body.members}
    assert members["name"].is_required
    assert (members["name"].type, members["name"].limits) == (
        "one line of text",
        "1 to 200 characters",
    )
    assert members["concurrency"].type == "whole number or null"
    assert members["isEnabled"].limits == "default `true`"
    steps = next(m for m in members["stages"].members if m.name == "steps")
    assert steps.type == "list of objects"
    assert next(m for m in steps.members if m.name == "type").values == ["Build", "Test", "Deploy"]
    build = steps.variants[0]
    assert build.title == "When `type` is `Build`"
    configuration = next(m for m in build.members if m.name == "configuration")
    assert [member.name for member in configuration.members] == ["ingredientId", "buildScript"]


def test_what_was_shown_before_is_named_and_not_repeated():
    (call,) = [call for call in CALLS if call.id == "getMetadata"]
    content = call.answers[0].content
    assert content is not None
    members = {member.name: member for member in content.members}
    assert members["lastRun"].members
    assert members["lastSuccess"].members == []
    assert members["lastSuccess"].text == "As in `lastRun` above."

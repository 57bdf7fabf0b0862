"""The pages of workflows: what they show to whom, and the form that starts a run."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.models import Run, Workflow, WorkflowRevision
from tests.support.forms import form_id_in
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, start

PIECE = {"HX-Request": "true", "HX-Request-Type": "partial"}
PARAMETERS = [
    {"name": "version", "type": "string", "required": True},
    {"name": "level", "type": "number"},
    {"name": "dry/run", "type": "boolean", "default": True},
    {"name": "region", "type": "choice", "choices": ["north", "south"], "default": "north"},
]


@pytest.fixture
def workflow(project: object) -> Workflow:
    return a_workflow([build("wheel")])


@pytest.fixture
def asking(project: object) -> Workflow:
    """A workflow that asks for parameters."""
    return a_workflow([build("wheel")], name="Asking", parameters=PARAMETERS)


@pytest.mark.parametrize("path", ["/workflows", "/runs?status=Failed"])
def test_who_is_not_signed_in_is_sent_to_do_so_and_then_back(app: Flask, path: str) -> None:
    response = app.test_client().get(path)
    assert response.status_code == 303
    assert response.location.startswith("/login?next=" + path.partition("?")[0])


def test_a_poll_after_the_session_ended_leads_the_whole_page_to_the_sign_in(app: Flask) -> None:
    headers = {**PIECE, "HX-Current-URL": "http://localhost/workflows"}
    response = app.test_client().get("/workflows/list", headers=headers)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login?next=/workflows"


def test_the_list_holds_what_the_reader_may_read(people: People, workflow: Workflow) -> None:
    assert "Release" in people.user.browser().get("/workflows").text
    assert "Release" not in people.stranger.browser().get("/workflows").text


def test_only_who_may_run_gets_the_button(people: People, workflow: Workflow) -> None:
    button = 'aria-label="Run Release"'
    assert button in people.superuser.browser().get("/workflows").text
    assert button not in people.user.browser().get("/workflows").text


def test_who_may_not_run_reads_why(people: People, workflow: Workflow) -> None:
    page = people.user.browser().get(f"/workflows/{workflow.id}").text
    assert "needs the role <strong>SuperUser</strong>" in page
    assert "yours is <strong>User</strong>" in page
    assert "csrf_token" not in page[page.index('id="run-form"') :]


def test_search_is_kept_by_what_follows_the_list(visitor: FlaskClient, project: object) -> None:
    for number in range(3):
        a_workflow([build("wheel")], name=f"Docs {number}")
    a_workflow([build("wheel")], name="Other")
    page = visitor.get("/workflows?search=dOcS&pageSize=2&utm_source=mail").text
    assert "Docs 1" in page
    assert "Docs 2" not in page
    assert 'href="/workflows?search=dOcS&amp;pageSize=2&amp;page=2"' in page
    assert 'hx-get="/workflows/list?search=dOcS&amp;pageSize=2&amp;page=1"' in page
    assert "No name contains “duck”" in visitor.get("/workflows?search=duck").text


def test_an_unchanged_list_is_not_sent_again(visitor: FlaskClient, workflow: Workflow) -> None:
    first = visitor.get("/workflows/list")
    assert f"data-etag='{first.headers['ETag']}'" in first.text
    known = {"If-None-Match": first.headers["ETag"]}
    second = visitor.get("/workflows/list", headers=known)
    assert (second.status_code, second.data) == (304, b"")
    start(workflow)
    assert visitor.get("/workflows/list", headers=known).status_code == 200


def test_names_and_scripts_are_text_and_never_markup(visitor: FlaskClient, project: object) -> None:
    evil = "<script>alert(1)</script>"
    workflow = a_workflow([build(evil, script=f"echo {evil}")], name=evil, description=evil)
    run = start(workflow)
    for path in ("/workflows", f"/workflows/{workflow.id}", "/runs", f"/runs/{run.id}"):
        page = visitor.get(path).text
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize("query", ["page=x", "pageSize=0", "sort=colour"])
def test_a_query_that_makes_no_sense_is_refused_with_a_page(
    visitor: FlaskClient, workflow: Workflow, query: str
) -> None:
    response = visitor.get(f"/workflows?{query}")
    assert response.status_code == 422
    assert "Invalid input" in response.text


def row_of(page: str, workflow: Workflow) -> str:
    return page.partition(f'id="workflow-{workflow.id}"')[2].partition("</tr>")[0]


def test_the_list_shows_how_the_recent_runs_went(visitor: FlaskClient, workflow: Workflow) -> None:
    for status, took in (("Succeeded", 3000), ("Failed", 5000), ("Succeeded", 4000)):
        run = start(workflow)
        Run.update(status=status, started_at=1, completed_at=1 + took).where(
            Run.id == run.id
        ).execute()
    start(workflow)
    row = row_of(visitor.get("/workflows").text, workflow)
    assert 'aria-label="1 failed, 1 pending, 2 succeeded"' in row
    assert "66 %" in row
    assert "4.0 s" in row
    assert "Pending" in row  # the last one


def test_a_workflow_whose_last_runs_were_deleted_still_names_its_last(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    run = start(workflow)
    Workflow.update(run_count=100).where(Workflow.id == workflow.id).execute()
    assert f'href="/runs/{run.id}"' in row_of(visitor.get("/workflows").text, workflow)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state=Failed", ["Sick"]),
        ("state=Succeeded", ["Well"]),
        ("isEnabled=false", ["Asleep"]),
        ("isEnabled=true", ["Sick", "Well"]),
        ("search=l&state=Succeeded", ["Well"]),
        ("state=Cancelled", []),
        ("sort=-lastRunAt", ["Well", "Sick", "Asleep"]),
    ],
)
def test_the_list_can_be_filtered_and_sorted(
    visitor: FlaskClient, project: object, query: str, shown: list[str]
) -> None:
    for name, status in (("Sick", "Failed"), ("Well", "Succeeded"), ("Asleep", None)):
        made = a_workflow([build("wheel")], name=name, isEnabled=status is not None)
        if status:
            run = start(made)
            Run.update(status=status).where(Run.id == run.id).execute()
    page = visitor.get(f"/workflows?{query}").text
    assert re.findall(r'class="row-link"[^>]*>(\w+)<', page) == shown
    assert f'hx-get="/workflows/list?{query.replace("&", "&amp;")}' in page or not shown


def test_a_workflow_is_switched_off_and_on_where_the_reader_is(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    here = {"Referer": "http://localhost/workflows?search=rel"}
    off = visitor.post(f"/workflows/{workflow.id}/disable", headers=here)
    assert (off.status_code, off.location) == (303, "/workflows?search=rel")
    page = visitor.get(off.location).text
    assert "Release disabled" in page
    assert 'aria-label="Run Release"' not in page
    visitor.post(f"/workflows/{workflow.id}/enable", headers={"Referer": "http://evil.test/x"})
    assert 'aria-label="Run Release"' in visitor.get("/workflows").text


def test_a_copy_does_the_same_but_not_before_somebody_says_so(
    visitor: FlaskClient, asking: Workflow
) -> None:
    answers = [visitor.post(f"/workflows/{asking.id}/copy") for _ in range(2)]
    assert "Asking (copy)" in visitor.get(answers[0].location).text
    names = [row.name for row in Workflow.select().order_by(Workflow.id)]
    assert names == ["Asking", "Asking (copy)", "Asking (copy 2)"]
    old, new = (
        WorkflowRevision.get(WorkflowRevision.workflow == row).definition
        for row in Workflow.select().order_by(Workflow.id).limit(2)
    )
    assert new["parameters"] == old["parameters"]
    assert new["stages"][0]["id"] != old["stages"][0]["id"]
    assert not Workflow.get(Workflow.name == "Asking (copy)").is_enabled


def test_what_is_deleted_can_be_taken_back_at_once(
    visitor: FlaskClient, people: People, workflow: Workflow
) -> None:
    gone = visitor.post(f"/workflows/{workflow.id}/delete")
    page = visitor.get(gone.location).text
    assert "Release was deleted" in page
    assert f'action="/workflows/{workflow.id}/restore"' in page
    assert row_of(page, workflow) == ""
    assert "restore" not in people.user.browser().get(gone.location).text
    back = visitor.post(f"/workflows/{workflow.id}/restore")
    assert "Release restored" in visitor.get(back.location).text


def test_a_name_that_was_given_away_cannot_be_taken_back(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    visitor.post(f"/workflows/{workflow.id}/delete")
    a_workflow([build("wheel")])
    refused = visitor.post(f"/workflows/{workflow.id}/restore")
    assert "already has a workflow named" in visitor.get(refused.location).text
    assert Workflow.get_by_id(workflow.id).deleted_at is not None


def test_a_workflow_that_runs_is_not_deleted_and_the_page_says_why(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    start(workflow)
    refused = visitor.post(f"/workflows/{workflow.id}/delete")
    assert "has runs in progress" in visitor.get(refused.location).text
    assert Workflow.get_by_id(workflow.id).deleted_at is None


# ---- starting a run --------------------------------------------------------------------------


def test_a_run_starts_from_the_list_with_one_press(
    visitor: FlaskClient, people: People, workflow: Workflow
) -> None:
    response = visitor.post(f"/workflows/{workflow.id}/runs")
    run = Run.get()
    assert (response.status_code, response.location) == (303, f"/runs/{run.id}")
    assert (run.triggered_by, run.trigger_source) == (people.superuser.username, "web")


def test_who_starts_a_workflow_that_asks_from_the_list_gets_its_form(
    visitor: FlaskClient, asking: Workflow
) -> None:
    response = visitor.post(f"/workflows/{asking.id}/runs", data={"fromList": "1"})
    assert (response.status_code, response.location) == (303, f"/workflows/{asking.id}#run-form")
    page = visitor.get(f"/workflows/{asking.id}").text
    assert "Asking requires parameters" in page
    assert "aria-invalid" not in page
    assert Run.select().count() == 0


def test_htmx_is_led_to_the_run(visitor: FlaskClient, workflow: Workflow) -> None:
    response = visitor.post(f"/workflows/{workflow.id}/runs", headers=PIECE)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["HX-Redirect"] == f"/runs/{Run.get().id}"


@pytest.mark.parametrize("page", ["/workflows", "/workflows/{}"])
def test_a_double_click_starts_one_run(visitor: FlaskClient, workflow: Workflow, page: str) -> None:
    page, address = page.format(workflow.id), f"/workflows/{workflow.id}/runs"
    form = {"formId": form_id_in(visitor.get(page).text), "parameters": "a=1"}
    first, second = (visitor.post(address, data=form) for _ in range(2))
    assert (second.status_code, second.location) == (303, first.location)
    other = visitor.post(address, data={**form, "parameters": "a=2"})
    assert other.location != first.location
    again = visitor.post(address, data={**form, "formId": form_id_in(visitor.get(page).text)})
    assert again.location not in (first.location, other.location)
    assert Run.select().count() == 3
    assert visitor.post(address, data={**form, "formId": "x"}).status_code == 422


def test_what_is_typed_becomes_what_the_parameters_are_declared_as(
    visitor: FlaskClient, asking: Workflow
) -> None:
    typed = {
        "parameter.version": "1.10",
        "parameter.level": "2.5",
        "parameter.dry/run": ["false", "true"],
        "parameter.region": "south",
    }
    visitor.post(f"/workflows/{asking.id}/runs", data=typed)
    expected = {"version": "1.10", "level": 2.5, "dry/run": True, "region": "south"}
    assert Run.get().parameters == expected


def test_a_field_left_empty_is_no_parameter_and_an_unticked_box_is_false(
    visitor: FlaskClient, asking: Workflow
) -> None:
    typed = {"parameter.version": "7", "parameter.level": "", "parameter.dry/run": "false"}
    visitor.post(f"/workflows/{asking.id}/runs", data=typed)
    assert Run.get().parameters == {"version": "7", "dry/run": False, "region": "north"}


@pytest.mark.parametrize("headers", [{}, PIECE], ids=["page", "piece"])
def test_a_wrong_form_comes_back_with_its_faults_and_what_was_typed(
    visitor: FlaskClient, asking: Workflow, headers: dict[str, str]
) -> None:
    typed = {
        "parameter.version": "",
        "parameter.level": "<high>",
        "parameter.region": "west",
        "parameter.extra": "1",
    }
    response = visitor.post(f"/workflows/{asking.id}/runs", data=typed, headers=headers)
    assert response.status_code == 422
    assert response.text.startswith("<form") is bool(headers)
    assert response.text.count('aria-invalid="true"') == 3
    assert 'value="&lt;high&gt;"' in response.text
    for sentence in ("Must not be empty", "Must be a number", "Must be one of north, south"):
        assert sentence in response.text
    assert "&#39;extra&#39; is not a parameter of this workflow" in response.text
    assert not Run.select().exists()


def test_lines_become_parameters_of_a_workflow_that_declares_none(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    typed = {"parameters": "version = 1.10\r\n\r\nflags=-x --level=2\r\n"}
    visitor.post(f"/workflows/{workflow.id}/runs", data=typed)
    assert Run.get().parameters == {"version": "1.10", "flags": "-x --level=2"}


def test_a_line_that_is_not_name_and_value_is_pointed_out(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    typed = {"parameters": "a=1\nnonsense\na=2"}
    response = visitor.post(f"/workflows/{workflow.id}/runs", data=typed)
    assert response.status_code == 422
    assert "Line 2 is not NAME=VALUE. Line 3 sets &#39;a&#39; again." in response.text
    assert "a=1\nnonsense\na=2</textarea>" in response.text
    assert re.search(r"<details\s+open", response.text)


def test_a_workflow_that_is_switched_off_cannot_be_started(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    Workflow.update(is_enabled=False).execute()
    response = visitor.post(f"/workflows/{workflow.id}/runs")
    assert response.status_code == 409
    assert "This workflow is disabled" in response.text
    assert not Run.select().exists()


def test_a_workflow_that_names_what_is_not_there_says_so_before_and_after_the_press(
    visitor: FlaskClient, workflow: Workflow
) -> None:
    WorkflowRevision.update(
        definition=_renamed(WorkflowRevision.get().definition, "goose")
    ).execute()
    sentence = "no ingredient &#39;goose&#39;"
    assert sentence in visitor.get(f"/workflows/{workflow.id}").text
    response = visitor.post(f"/workflows/{workflow.id}/runs", headers=PIECE)
    assert (response.status_code, sentence in response.text) == (422, True)


def _renamed(definition: dict, ingredient: str) -> dict:
    definition["stages"][0]["steps"][0]["configuration"]["ingredientId"] = ingredient
    return definition


def test_a_form_from_another_site_starts_nothing(visitor: FlaskClient, workflow: Workflow) -> None:
    del visitor.environ_base["HTTP_X_CSRFTOKEN"]
    assert visitor.post(f"/workflows/{workflow.id}/runs").status_code == 400
    assert not Run.select().exists()

"""Runs as they are looked at: in three views, one after the other, on the wall, by days."""

import re

from flask.testing import FlaskClient

from domain import engine
from domain.engine import Ending
from domain.models import Attempt, Run, StepRun
from domain.runs import durations
from domain.statuses import SUCCEEDED
from tests.support.pipelines import a_workflow, build, claimed, start, step_named

# ---- views -----------------------------------------------------------------------------------


def test_the_view_is_chosen_by_address_and_remembered(visitor: FlaskClient, failed: Run) -> None:
    address = f"/runs/{failed.id}"
    assert 'class="pipeline' in visitor.get(address).text
    assert 'id="timeline"' in visitor.get(f"{address}?view=timeline").text
    assert 'id="timeline"' in visitor.get(address).text
    assert 'id="timeline"' in visitor.get(f"{address}/status").text
    assert 'class="list run-table"' in visitor.get(f"{address}?view=table").text
    assert 'class="list run-table"' in visitor.get(f"{address}/status").text
    assert visitor.get(f"{address}?view=cake").status_code == 422


def test_every_view_says_of_each_step_how_it_stands(visitor: FlaskClient, failed: Run) -> None:
    for view in ("picture", "table", "timeline"):
        page = visitor.get(f"/runs/{failed.id}/status?view={view}").text
        for step in StepRun.select().where(StepRun.run == failed.id):
            assert f'id="node-{step.id}"' in page
            assert step.name in page
        assert "Failed" in page
        assert "Succeeded" in page


def test_another_view_is_another_version_of_the_picture(visitor: FlaskClient, failed: Run) -> None:
    picture = visitor.get(f"/runs/{failed.id}/status?view=picture")
    known = {"If-None-Match": picture.headers["ETag"]}
    assert visitor.get(f"/runs/{failed.id}/status?view=picture", headers=known).status_code == 304
    assert visitor.get(f"/runs/{failed.id}/status?view=table", headers=known).status_code == 200


def test_what_takes_longer_than_usual_is_called_late(visitor: FlaskClient, failed: Run) -> None:
    workflow = failed.workflow
    for _ in range(3):
        ok = start(workflow)
        for name in ("wheel", "sign"):
            engine.finish(claimed(step_named(ok, name)), Ending(SUCCEEDED))
    slow = start(workflow)
    held = claimed(step_named(slow, "wheel"))
    long_ago = StepRun.get_by_id(held.step_id).started_at - 60_000
    Run.update(created_at=long_ago).where(Run.id == slow.id).execute()
    StepRun.update(started_at=long_ago).where(StepRun.id == held.step_id).execute()
    Attempt.update(started_at=long_ago).where(Attempt.step == held.step_id).execute()
    for view in ("picture", "table", "timeline"):
        assert ">late<" in visitor.get(f"/runs/{slow.id}/status?view={view}").text
    assert "of about" in visitor.get(f"/runs/{slow.id}/status?view=picture").text


def test_the_runs_beside_it_are_one_click_away_with_the_step_that_was_chosen(
    visitor: FlaskClient, failed: Run
) -> None:
    newer = start(failed.workflow)
    sign = step_named(failed, "sign")
    page = visitor.get(f"/runs/{failed.id}?step={sign.id}").text
    assert f'href="/runs/{newer.id}?named=sign"' in page
    page = visitor.get(f"/runs/{newer.id}?named=sign").text
    assert f'href="/runs/{failed.id}"' in page, "nobody has chosen a step here"
    assert re.search(r'<h2 id="step-title"[^>]*>.*sign</h2>', page)
    assert visitor.get(f"/runs/{newer.id}?named=gone").status_code == 200


# ---- the newest run of a workflow ------------------------------------------------------------


def test_the_board_follows_whichever_run_is_the_newest(visitor: FlaskClient, failed: Run) -> None:
    board = f"/workflows/{failed.workflow_id}/latest"
    page = visitor.get(board)
    assert f'href="/runs/{failed.id}"' in page.text
    assert "<form" not in page.text.partition("<main")[2]
    status = visitor.get(f"{board}/status")
    known = {"If-None-Match": status.headers["ETag"]}
    assert visitor.get(f"{board}/status", headers=known).status_code == 304
    newer = start(failed.workflow)
    status = visitor.get(f"{board}/status", headers=known)
    assert (status.status_code, f'href="/runs/{newer.id}"' in status.text) == (200, True)


def test_the_board_of_a_workflow_without_runs_waits_for_one(
    visitor: FlaskClient, project: object
) -> None:
    workflow = a_workflow([build("wheel")])
    board = f"/workflows/{workflow.id}/latest/status"
    empty = visitor.get(board)
    assert "has not run yet" in empty.text
    run = start(workflow)
    known = {"If-None-Match": empty.headers["ETag"]}
    assert f'href="/runs/{run.id}"' in visitor.get(board, headers=known).text


# ---- the history -----------------------------------------------------------------------------


def test_the_history_is_filtered_by_days_and_source_and_goes_on_by_cursor(
    visitor: FlaskClient, failed: Run
) -> None:
    day = 86_400_000
    for number in range(3):
        run = start(failed.workflow)
        Run.update(started_at=(20_000 + number) * day, trigger_source=f"from {number}").where(
            Run.id == run.id
        ).execute()
    numbers = lambda query: re.findall(  # noqa: E731
        r'class="number">#(\d+)', visitor.get(f"/runs/list?{query}").text
    )
    assert numbers("since=2024-10-05&until=2024-10-05") == ["3"]
    assert numbers("until=2024-10-05") == ["3", "2"]
    assert numbers("triggerSource=from+1") == ["3"]
    page = visitor.get("/runs?pageSize=3").text
    older = re.search(r'href="(/runs\?pageSize=3&amp;cursor=[^"]+)"', page)
    assert older
    page = visitor.get(older[1].replace("&amp;", "&")).text
    assert re.findall(r'class="number">#(\d+)', page) == ["1"]
    assert "every 5s" not in page, "what is older stands still"
    assert visitor.get("/runs?since=yesterday").status_code == 422


def test_a_poll_tells_when_something_becomes_late(visitor: FlaskClient, failed: Run) -> None:
    for _ in range(3):
        ok = start(failed.workflow)
        for name in ("wheel", "sign"):
            engine.finish(claimed(step_named(ok, name)), Ending(SUCCEEDED))
    run = start(failed.workflow)
    held = claimed(step_named(run, "wheel"))
    address = f"/runs/{run.id}/status"
    known = {"If-None-Match": visitor.get(address).headers["ETag"]}
    assert visitor.get(address, headers=known).status_code == 304
    durations._late_moments.cache_clear()  # as if it had begun long ago
    StepRun.update(started_at=1).where(StepRun.id == held.step_id).execute()
    assert visitor.get(address, headers=known).status_code == 200


def test_a_change_of_the_view_keeps_the_step_that_was_chosen(
    visitor: FlaskClient, failed: Run
) -> None:
    wheel = step_named(failed, "wheel")
    page = visitor.get(f"/runs/{failed.id}?step={wheel.id}").text
    link = re.search(r'href="([^"]*view=table[^"]*)"', page)
    assert link
    page = visitor.get(link[1].replace("&amp;", "&")).text
    assert re.search(r'<h2 id="step-title"[^>]*>.*wheel</h2>', page)


def test_the_sentence_leads_to_the_steps_that_it_names(visitor: FlaskClient, failed: Run) -> None:
    page = visitor.get(f"/runs/{failed.id}").text
    sign = step_named(failed, "sign")
    assert f'href="/runs/{failed.id}?step={sign.id}#step">sign</a>' in page.partition("Pipeline")[0]

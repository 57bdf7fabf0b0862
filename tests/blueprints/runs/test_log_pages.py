"""The log on the page of a run: windows of lines, what it grows by, errors, search, times."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from domain import engine
from domain.engine import Claim, Ending
from domain.logs import windows
from domain.logs.files import log_path, times_path
from domain.logs.timestamps import PAIR
from domain.models import Attempt, Run, StepRun
from domain.settings import Settings
from domain.statuses import FAILED, SUCCEEDED
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, start, step_named


@pytest.fixture
def run(project: object) -> Run:
    return start(a_workflow([build("wheel", retries=1)]))


@pytest.fixture
def step(run: Run) -> StepRun:
    return step_named(run, "wheel")


@pytest.fixture
def held(step: StepRun) -> Claim:
    held = engine.claim(step.id, 1, worker="w", host="h", lease_ms=60_000)
    assert held is not None
    return held


@pytest.fixture
def path(settings: Settings, step: StepRun) -> Path:
    path = log_path(settings.data_dir, step.run_id, step.id, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def here(run: Run, step: StepRun) -> str:
    return f"/runs/{run.id}?step={step.id}&attempt=1"


@pytest.fixture
def log(run: Run, step: StepRun) -> str:
    return f"/runs/{run.id}/steps/{step.id}/log?attempt=1"


def lines(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="L(\d+)"', html)]


def classed(html: str, name: str) -> list[int]:
    return [int(n) for n in re.findall(rf'id="L(\d+)" class="line[^"]*{name}', html)]


def data(html: str, name: str) -> str | None:
    found = re.search(rf'class="log-lines[^>]* data-{name}="([^"]*)"', html)
    return found[1] if found else None


def test_a_log_is_text_and_never_markup(
    visitor: FlaskClient, held: Claim, path: Path, here: str, log: str
) -> None:
    path.write_bytes(b"<script>alert(1)</script> \x1b[31mred\x1b[0m \xff\n")
    for address in (here, log):
        html = visitor.get(address).text
        assert (
            '&lt;script&gt;alert(1)&lt;/script&gt; <span class="ansi-1">red</span> \ufffd' in html
        )
        assert "<script>alert" not in html


def test_strangers_see_nothing_of_it(people: People, held: Claim, log: str, path: Path) -> None:
    path.write_bytes(b"duck\n")
    visitor = people.stranger.browser()
    assert visitor.get(log).status_code == 404
    assert visitor.get(log.replace("log?", "log/search?") + "&q=duck").status_code == 404


def test_an_attempt_that_there_is_not_has_no_log(visitor: FlaskClient, log: str, here: str) -> None:
    assert visitor.get(f"{log}&offset=0").status_code == 204
    assert visitor.get(log.replace("attempt=1", "attempt=99")).status_code == 404
    assert visitor.get(f"{here.partition('?')[0]}?line=1-x").status_code == 422


def test_it_grows_by_what_is_new_and_ends_with_the_attempt(
    visitor: FlaskClient, held: Claim, path: Path, log: str
) -> None:
    path.write_bytes(b"one\nhalf")
    first = visitor.get(f"{log}&offset=0&shown=0").text
    assert lines(first) == [1, 2]
    assert (data(first, "resume"), data(first, "size"), data(first, "lines")) == ("4", "8", "2")
    assert visitor.get(f"{log}&offset=4&shown=8").status_code == 204
    path.write_bytes(b"one\nhalf and whole\nthree\n")
    second = visitor.get(f"{log}&offset=4&shown=8").text
    assert lines(second) == [2, 3]
    assert "half and whole" in second
    assert "data-complete" not in second
    assert "So far 25 B" in second
    engine.finish(held, Ending(SUCCEEDED))
    last = visitor.get(f"{log}&offset=25&shown=25").text
    assert (lines(last), data(last, "note")) == ([], "End of log, 25 B")
    assert "data-complete" in last


def test_before_the_first_output_and_without_any(
    visitor: FlaskClient, held: Claim, here: str
) -> None:
    assert "No output yet." in visitor.get(here).text
    engine.finish(held, Ending(SUCCEEDED))
    assert "This step produced no output." in visitor.get(here).text


def test_of_a_long_log_a_window_is_shown_with_ways_to_the_rest(
    visitor: FlaskClient, held: Claim, path: Path, here: str, log: str
) -> None:
    path.write_text("".join(f"line {n}\n" for n in range(1, 2001)))
    html = visitor.get(here).text
    assert (lines(html)[0], lines(html)[-1]) == (1701, 2000)
    for where in ("before=1701", "after=0", "before=2001"):
        assert f"&amp;{where}#log-panel" in html
    assert lines(visitor.get(f"{here}&before=1701").text) == list(range(1401, 1701))
    assert lines(visitor.get(f"{here}&after=0").text) == list(range(1, 301))
    assert lines(visitor.get(f"{log}&after=300").text) == list(range(301, 601))
    assert f"/api/workflowruns/{held.run_id}/steps/{held.step_id}/logs?attempt=1" in html


def test_a_link_to_lines_opens_the_log_there_and_marks_them(
    visitor: FlaskClient, held: Claim, path: Path, here: str
) -> None:
    path.write_text("".join(f"line {n}\n" for n in range(1, 2001)))
    html = visitor.get(f"{here}&line=1000-1002").text
    assert classed(html, "is-marked") == [1000, 1001, 1002]
    assert data(html, "target") == "1000"
    assert lines(html)[0] < 1000 < lines(html)[-1]
    own = f'href="{here.replace("&", "&amp;")}&amp;line=1000#L1000"'
    assert own in html
    assert classed(visitor.get(f"{here}&line=1002-1000").text, "is-marked") == [1000, 1001, 1002]
    beyond = visitor.get(f"{here}&line=99999").text
    assert (lines(beyond)[-1], data(beyond, "target")) == (2000, "2000")


def test_a_very_long_line_is_cut_with_a_link_to_the_rest(
    visitor: FlaskClient, held: Claim, path: Path, here: str
) -> None:
    path.write_bytes(b"before\n" + b"x" * 1_500_000 + b"\nafter\n")
    html = visitor.get(f"{here}&after=0").text
    assert lines(html) == [1, 2, 3]
    assert "truncated; full line is 1.5 MB" in html
    assert len(html) < 60_000
    assert windows.LINE_BYTES <= html.count("x") < windows.LINE_BYTES + 500


def test_a_failed_step_opens_at_the_first_line_that_looks_like_an_error(
    visitor: FlaskClient, held: Claim, path: Path, here: str, log: str
) -> None:
    fine = "".join(f"line {n}, 0 errors\n" for n in range(1, 2001))
    path.write_text(f"{fine}\x1b[31merror\x1b[0m: it sank\n{fine}fatal: and again\n{fine}")
    html = visitor.get(here).text
    assert '<p class="log-error" hidden>' in html  # it still runs
    assert data(html, "error") is None
    engine.finish(held, Ending(FAILED, "Exit code 1.", 1, is_final=True))
    html = visitor.get(here).text
    assert re.search(
        r'"log-error"><span>First error: line</span> <a [^>]*#L2001">2,001</a>',
        html,
    )
    assert classed(html, "is-error") == [2001]
    assert data(html, "target") == "2001"
    assert lines(html)[0] == 1996
    assert data(visitor.get(f"{log}&errors=0").text, "target") == "2001"
    assert data(visitor.get(f"{log}&errors=2001").text, "target") == "4002"
    assert visitor.get(f"{log}&errors=4002").status_code == 204
    assert data(visitor.get(f"{here}&before=999999").text, "target") is None


def test_whoever_follows_a_log_learns_with_its_end_where_the_error_is(
    visitor: FlaskClient, held: Claim, path: Path, log: str
) -> None:
    path.write_text("fine\nerror: it sank\nfine\n")
    size = path.stat().st_size
    following = f"{log}&offset={size}&shown={size}"
    assert visitor.get(following).status_code == 204
    engine.finish(held, Ending(FAILED, "Exit code 1.", 1, is_final=True))
    end = visitor.get(following).text
    assert data(end, "error") == "2"
    assert data(end, "error-is") == "First error: line"
    assert data(visitor.get(f"{log}&after=0").text, "error") is None  # costs nothing on the way
    path.write_text("fine\n")
    assert data(visitor.get(f"{log}&offset=0").text, "error") is None


def test_where_to_look_on_for_an_error_is_told(
    visitor: FlaskClient, held: Claim, path: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.logs.error_lines.MAX_CANDIDATES", 5)
    path.write_text("0 errors\n" * 5 + "error: it sank\n")
    answer = visitor.get(f"{log}&errors=0")
    assert (answer.status_code, answer.headers["X-Log-Next"]) == (204, "6")
    assert data(visitor.get(f"{log}&errors=5").text, "target") == "6"


def test_the_whole_log_is_searched_with_and_without_a_script(
    visitor: FlaskClient, held: Claim, path: Path, here: str, log: str
) -> None:
    path.write_text("<duck>\n" + "goose\n" * 500 + "a Duck\n" * 150)
    html = visitor.get(f"{here}&q=duck").text
    assert 'value="duck"' in html
    hits = re.findall(r'data-line="(\d+)"', html)
    assert hits == ["1", *map(str, range(502, 601))]
    assert "&lt;<mark>duck</mark>&gt;" in html
    assert "&amp;q=duck&amp;from=601#log-panel" in html
    piece = visitor.get(log.replace("log?", "log/search?") + "&q=duck&from=601").text
    assert re.findall(r'data-line="(\d+)"', piece) == [str(n) for n in range(601, 652)]
    assert "Continue from" not in piece
    nothing = {"": "No matches.", "&from=1": "No matches.", "&from=2": "No more matches."}
    for where, told in nothing.items():
        for address in (here, log.replace("log?", "log/search?")):
            assert told in visitor.get(f"{address}&q=swan{where}").text
    marked = visitor.get(f"{here}&q=duck&line=550").text
    assert classed(marked, "is-marked") == [550]


def test_a_line_says_when_it_was_written_if_that_is_known(
    visitor: FlaskClient, held: Claim, path: Path, here: str
) -> None:
    path.write_bytes(b"one\ntwo\nthree\n")
    assert "line-time" not in visitor.get(here).text
    began = Attempt.get(Attempt.step == held.step_id).started_at
    pairs = [(0, began + 50), (4, began + 61_234)]
    times_path(path).write_bytes(b"".join(PAIR.pack(*pair) for pair in pairs) + b"rest")
    html = visitor.get(here).text
    assert re.findall(r'class="line-time" title="[^"]+ UTC">([^<]+)<', html) == [
        *("0:00.0", "1:01.2", "1:01.2")
    ]
    assert "with-times" not in html
    assert "with-times" in visitor.get(f"{here}&times=1").text
    times_path(path).write_bytes(b"\xff" * 32)
    assert "line-time" not in visitor.get(here).text


def test_a_poll_that_lags_behind_says_how_long_the_log_is(
    visitor: FlaskClient, held: Claim, path: Path, log: str
) -> None:
    path.write_text("x\n" * 5000)
    html = visitor.get(f"{log}&offset=0&shown=0").text
    assert (data(html, "last"), data(html, "lines")) == ("300", "5000")


def test_the_runs_own_poll_says_how_long_the_log_is_even_if_nothing_else_is_new(
    visitor: FlaskClient, run: Run, step: StepRun, path: Path
) -> None:
    address = f"/runs/{run.id}/status"
    first = visitor.get(f"{address}?shown={step.id}.1")
    assert "X-Log-Size" not in first.headers
    path.write_bytes(b"12345\n")
    known = {"If-None-Match": first.headers["ETag"]}
    again = visitor.get(f"{address}?shown={step.id}.1", headers=known)
    assert (again.status_code, again.headers["X-Log-Size"]) == (304, "6")
    for shown in (f"{step.id}.2", f"{step.id}.x", "../../x.1", "", f"{step.id}.{'9' * 5000}"):
        assert "X-Log-Size" not in visitor.get(address, query_string={"shown": shown}).headers

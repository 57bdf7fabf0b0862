"""The web server's load with a hundred browsers that watch one run, or one run each.

Each asks as the scripts of the run page do: at the page's pace for the run's status, with the tag
that it has, and for more of the log of the running step when that has grown or the picture is new.
It keeps its connection. Counted is what the web server's processes take from a core, not what it is
asked with.
"""

import gzip
import html
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection

import httpx

from bench import made_runs
from bench.processes import cpu_seconds, named, tree
from bench.rows import Row
from bench.stack import PASSWORD, Stack, data_folder, running
from domain import models
from domain import settings as settings_module
from domain.models import Run, write
from domain.secret_key import Keys

WATCHERS = 100
SECONDS = 10
LIMIT_PERCENT = 25
STAGES, STEPS = 3, 3


@dataclass
class Browser:
    """A browser that watches a run."""

    host: str
    cookie: str
    run_id: str
    lag: float
    """The delay in seconds, so that no two browsers poll at the same moment."""
    answers: list[tuple[int, float]] = field(default_factory=list)
    """The status and milliseconds of each response."""

    def open(self) -> None:
        self.connection = HTTPConnection(self.host, timeout=30)
        page = self._ask(f"/runs/{self.run_id}", {})
        self._read(page)
        grown = _found(r'data-log="([^"]+)"', page)
        self.size, resume = _found(r'data-size="(\d+)"', page), _found(r'data-resume="(\d+)"', page)
        self.log = f"{grown}&offset={resume}&shown={self.size}"
        self.answers.clear()

    def _read(self, part: str) -> None:
        self.status = _found(r'id="run"[^>]* hx-get="([^"]+)"', part)
        self.pace = float(_found(r'hx-trigger="every (\d+)s', part))
        self.tag = _found(r"data-etag='([^']+)'", part)

    def watch(self, until: float) -> None:
        look = time.monotonic() + self.lag
        while look < until:
            time.sleep(max(0.0, look - time.monotonic()))
            part = self._ask(self.status, {"If-None-Match": self.tag})
            if part:
                self._read(part)
            if part or self.log_size != self.size:
                self._ask(self.log, {})
            look += self.pace

    def _ask(self, address: str, headers: dict[str, str]) -> str:
        begin = time.perf_counter()
        sent = {"Cookie": self.cookie, "Accept-Encoding": "gzip", **headers}
        self.connection.request("GET", address, headers=sent)
        answer = self.connection.getresponse()
        body = answer.read()
        self.answers.append((answer.status, (time.perf_counter() - begin) * 1000))
        self.log_size = answer.headers["X-Log-Size"]
        if answer.status not in (200, 204, 304):
            raise RuntimeError(f"{address}: {answer.status}")
        is_packed = answer.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(body) if is_packed else body).decode()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"The page has no {pattern}.")
    return html.unescape(match[1])


def rows() -> Iterator[Row]:
    """Measure without changes, and while the one run changes."""
    with data_folder() as folder, running(folder) as (stack, _):
        yield from _measure(stack)


def _measure(stack: Stack) -> Iterator[Row]:
    settings = settings_module.load(stack.environment)
    models.connect(settings, pooled=False)
    keys = Keys(settings.secret_key())
    workflow = made_runs.a_workflow("watched", STAGES, STEPS)
    runs = [made_runs.started(workflow, keys) for _ in range(WATCHERS)]
    for run in runs:
        made_runs.advance(run, 1)
        made_runs.write_logs(run, settings.data_dir)
    one = runs[:1] * WATCHERS
    yield _row(f"{WATCHERS} watchers of one run", _watched(stack, one))
    yield _row(f"{WATCHERS} watchers of {WATCHERS} runs", _watched(stack, runs))
    changed = _watched(stack, one, changing=runs[0])
    yield _row("  of one run that changes each second", changed, None)
    models.db.close()


@dataclass
class Watched:
    percent: float
    """The share of one core."""
    answers: Sequence[tuple[int, float]]


def _watched(stack: Stack, runs: Sequence[Run], changing: Run | None = None) -> Watched:
    host, cookie = stack.url.removeprefix("http://"), _cookie(stack)
    browsers = [Browser(host, cookie, run.id, lag=n / len(runs)) for n, run in enumerate(runs)]
    for browser in browsers:
        browser.open()
    web = tree(named(stack.process.pid, "gunicorn"))
    begin, before = time.monotonic(), cpu_seconds(web)
    end = begin + SECONDS
    with ThreadPoolExecutor(len(browsers)) as pool:
        watching = [pool.submit(browser.watch, end) for browser in browsers]
        while changing and time.monotonic() < end - 1:
            time.sleep(1)
            with write():
                Run.update(version=Run.version + 1).where(Run.id == changing.id).execute()
        for watch in watching:
            watch.result()
    percent = (cpu_seconds(web) - before) * 100 / (time.monotonic() - begin)
    return Watched(percent, [answer for browser in browsers for answer in browser.answers])


def _cookie(stack: Stack) -> str:
    """Return the cookie of one session for all, because a hundred sign-ins would be refused."""
    with httpx.Client(base_url=stack.url) as client:
        csrf = _found(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
        form = {"username": "admin", "password": PASSWORD, "csrf_token": csrf}
        assert client.post("/login", data=form).status_code == 303
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def _row(what: str, watched: Watched, limit: int | None = LIMIT_PERCENT) -> Row:
    """Return the row. Without a limit, each response must arrive before its browser's next poll."""
    taken = [ms for _, ms in watched.answers]
    known = sum(status != 200 for status, _ in watched.answers) * 100 // len(taken)
    p95 = statistics.quantiles(taken, n=20)[-1]
    return Row(
        what,
        f"{watched.percent:.0f} % of a core ({len(taken) / SECONDS:.0f} answers/s, {known} % "
        f"unchanged, {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms)",
        f"{limit} %" if limit else "p95 1000 ms",
        watched.percent <= limit if limit else p95 <= 1000,
    )


def main() -> None:
    """Run only this measurement: `python -m bench.watchers`."""
    for row in rows():
        print(row.line(48), flush=True)


if __name__ == "__main__":
    main()

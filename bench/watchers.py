"""Measure the CPU time of the web server while a hundred browsers watch runs.

Each browser polls like the scripts of the run page, over one connection: the run's status with its
last ETag at the page's pace, and the log of the running step when it has grown or the status has
changed. The CPU time of the browsers does not count.
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

from bench import synthetic_runs
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
    """Seconds of delay, so that no two browsers poll at the same moment."""
    responses: list[tuple[int, float]] = field(default_factory=list)
    """The status and milliseconds of each response."""

    def open(self) -> None:
        self.connection = HTTPConnection(self.host, timeout=30)
        page = self._get(f"/runs/{self.run_id}", {})
        self._read(page)
        log = _match(r'data-log="([^"]+)"', page)
        self.size, resume = _match(r'data-size="(\d+)"', page), _match(r'data-resume="(\d+)"', page)
        self.log = f"{log}&offset={resume}&shown={self.size}"
        self.responses.clear()

    def _read(self, part: str) -> None:
        self.status = _match(r'id="run"[^>]* hx-get="([^"]+)"', part)
        self.pace = float(_match(r'hx-trigger="every (\d+)s', part))
        self.tag = _match(r"data-etag='([^']+)'", part)

    def watch(self, until: float) -> None:
        due = time.monotonic() + self.lag
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            part = self._get(self.status, {"If-None-Match": self.tag})
            if part:
                self._read(part)
            if part or self.log_size != self.size:
                self._get(self.log, {})
            due += self.pace

    def _get(self, address: str, headers: dict[str, str]) -> str:
        begin = time.perf_counter()
        sent = {"Cookie": self.cookie, "Accept-Encoding": "gzip", **headers}
        self.connection.request("GET", address, headers=sent)
        response = self.connection.getresponse()
        body = response.read()
        self.responses.append((response.status, (time.perf_counter() - begin) * 1000))
        self.log_size = response.headers["X-Log-Size"]
        if response.status not in (200, 204, 304):
            raise RuntimeError(f"{address}: {response.status}")
        is_packed = response.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(body) if is_packed else body).decode()


def _match(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"The page has no {pattern}.")
    return html.unescape(match[1])


def rows() -> Iterator[Row]:
    """Measure watchers of runs with and without changes."""
    with data_folder() as folder, running(folder) as (stack, _):
        yield from _measure(stack)


def _measure(stack: Stack) -> Iterator[Row]:
    settings = settings_module.load(stack.environment)
    models.connect(settings, pooled=False)
    keys = Keys(settings.secret_key())
    workflow = synthetic_runs.create_workflow("watched", STAGES, STEPS)
    runs = [synthetic_runs.start(workflow, keys) for _ in range(WATCHERS)]
    for run in runs:
        synthetic_runs.advance(run, 1)
        synthetic_runs.write_logs(run, settings.data_dir)
    one = runs[:1] * WATCHERS
    yield _row(f"{WATCHERS} watchers of one run", _watch(stack, one))
    yield _row(f"{WATCHERS} watchers of {WATCHERS} runs", _watch(stack, runs))
    changed = _watch(stack, one, changing=runs[0])
    yield _row("  of one run that changes each second", changed, None)
    models.db.close()


@dataclass
class Result:
    percent: float
    """The CPU time as a share of one core."""
    responses: Sequence[tuple[int, float]]


def _watch(stack: Stack, runs: Sequence[Run], changing: Run | None = None) -> Result:
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
    return Result(percent, [each for browser in browsers for each in browser.responses])


def _cookie(stack: Stack) -> str:
    """Sign in once for all browsers, because a hundred sign-ins would be refused."""
    with httpx.Client(base_url=stack.url) as client:
        csrf = _match(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
        form = {"username": "admin", "password": PASSWORD, "csrf_token": csrf}
        assert client.post("/login", data=form).status_code == 303
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def _row(name: str, result: Result, limit: int | None = LIMIT_PERCENT) -> Row:
    """Report a result. Without a limit, browsers must get responses before their next poll."""
    times = [ms for _, ms in result.responses]
    unchanged = sum(status != 200 for status, _ in result.responses) * 100 // len(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    return Row(
        name,
        f"{result.percent:.0f} % of a core ({len(times) / SECONDS:.0f} responses/s, {unchanged} % "
        f"unchanged, {statistics.median(times):.1f} ms, p95 {p95:.1f} ms)",
        f"{limit} %" if limit else "p95 1000 ms",
        result.percent <= limit if limit else p95 <= 1000,
    )

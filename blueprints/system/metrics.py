"""/metrics for Prometheus: the requests of this web process, and the load of the installation."""

import time
from collections.abc import Iterator, Mapping

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from blueprints.shared.context import doorbell, settings
from domain import disk
from domain.clock import now
from domain.system import checks, heartbeats
from domain.system import load as system_load
from domain.system.checks import State

bp = Blueprint("metrics", __name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def register(app: Flask) -> None:
    """Count and time every request of the application."""
    registry = CollectorRegistry()
    answered = Counter(
        "galley_http_requests",
        "Requests answered by this process.",
        ("method", "endpoint", "status"),
        registry=registry,
    )
    took = Histogram(
        "galley_http_request_seconds",
        "Time to answer, without the network and without the wait of long polls.",
        ("endpoint",),
        buckets=SECONDS,
        registry=registry,
    )
    registry.register(_Installation())
    app.extensions["galley_metrics"] = registry

    def begin() -> None:
        g.began_at = time.perf_counter()

    def end(response: Response) -> Response:
        # Endpoints, not paths: there are few of them, and they contain no user data.
        endpoint = request.endpoint or "none"
        answered.labels(request.method, endpoint, response.status_code).inc()
        if began_at := g.get("began_at"):
            took.labels(endpoint).observe(time.perf_counter() - began_at - g.get("waited", 0.0))
        return response

    app.before_request(begin)
    app.after_request(end)


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Serve the numbers of the whole installation to every token holder."""
    text = generate_latest(current_app.extensions["galley_metrics"])
    return Response(text, content_type=CONTENT_TYPE_LATEST)


class _Installation(Collector):
    """Queried at every scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        at = now()
        yield _gauge("runs", "Runs in progress.", "status", system_load.runs_in_progress())
        yield _gauge("steps_running", "Running steps.", "queue", system_load.steps_running())
        ready = system_load.steps_ready()
        lengths = {queue: backlog.length for queue, backlog in ready.items()}
        yield _gauge("steps_ready", "Steps that wait for a worker.", "queue", lengths)
        ages = {queue: (at - backlog.oldest_at) / 1000 for queue, backlog in ready.items()}
        yield _gauge("oldest_step_seconds", "Age of the oldest of them.", "queue", ages)
        yield _gauge("workers", "Workers online.", "queue", heartbeats.listeners(at))
        reconciler = checks.reconciler(heartbeats.reconcilers(), at)
        up = {"redis": doorbell().is_reachable(), "reconciler": reconciler.state is State.OK}
        yield _gauge("up", "Whether a part of the installation works.", "part", up)
        room = {"data": disk.look(settings()).free_bytes}
        yield _gauge("disk_free_bytes", "Free on the fullest disk of this host.", "disk", room)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing; without this method the registry would collect outside of a request."""
        return iter(())


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"galley_{name}", text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family

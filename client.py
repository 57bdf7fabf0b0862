"""The API as the command line uses it: over HTTP, on this machine or another.

GALLEY_URL (default: the address of `galley up` on this machine) and GALLEY_TOKEN say where and who.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

FINISHED = ("Succeeded", "Failed", "Cancelled")
POLL_SECONDS = 0.25


class ApiError(Exception):
    """The server refused, or could not be reached; the text is for the person at the terminal."""


class Client:
    """One server, one token."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises ApiError, with every fault on a line of its own."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiError(f"{self._http.base_url} cannot be reached: {error}") from None
        if response.is_error:
            raise ApiError(_explain(response))
        return response

    def get(self, path: str, **parameters: Any) -> Any:
        return self.request("GET", path, params=parameters).json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.request("POST", path, json=body).json()

    # ---- workflows ----

    def find_workflow(self, name: str, project: str | None = None) -> dict[str, Any] | None:
        """A workflow by id, or by name (regardless of case). Raises ApiError for several."""
        filters = {"search": name, "pageSize": 200, **({"projectId": project} if project else {})}
        named = [
            item
            for item in self.get("/api/workflows", **filters)["items"]
            if item["name"].casefold() == name.casefold()
        ]
        if len(named) > 1:
            projects = ", ".join(item["projectId"] for item in named)
            raise ApiError(f"Several projects have a workflow {name!r}: {projects}. Use its id.")
        if named:
            found: dict[str, Any] = named[0]
            return found
        if len(name) == 24 and name.isalnum():
            by_id: dict[str, Any] = self.get(f"/api/workflows/{name}")
            return by_id
        return None

    def apply(self, definition: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create the workflow, or update the one of that name in the project: (what, workflow)."""
        project, name = definition.get("projectId"), definition.get("name")
        known = (
            self.find_workflow(name, project)
            if isinstance(name, str) and isinstance(project, str)
            else None
        )
        if known is None:
            return "created", self.post("/api/workflows", definition)
        changed = self.request("PUT", f"/api/workflows/{known['id']}", json=definition).json()
        return "updated", changed

    # ---- runs ----

    def start(self, workflow_id: str, parameters: Mapping[str, Any]) -> str:
        """The id of the new run."""
        body = {"parameters": parameters, "triggerSource": "cli"}
        return str(self.post(f"/api/workflows/{workflow_id}/runs", body)["runId"])

    def follow(self, run_id: str, show: Callable[[str, str], None]) -> dict[str, Any]:
        """Pass on what each step prints, `show(step name, line)`, until the run has ended."""
        tails: dict[tuple[str, int], _Tail] = {}
        while True:
            run: dict[str, Any] = self.get(f"/api/workflowruns/{run_id}")
            for step in (s for stage in run["stageRuns"] for s in stage["stepRuns"]):
                for number in range(1, step["attempt"] + 1):
                    if step["startedAt"] or number < step["attempt"]:
                        tail = tails.setdefault((step["id"], number), _Tail())
                        self._pass_on(run_id, step, number, tail, show)
            if run["status"] in FINISHED:
                return run
            time.sleep(POLL_SECONDS)

    def _pass_on(
        self,
        run_id: str,
        step: Mapping[str, Any],
        attempt: int,
        tail: "_Tail",
        show: Callable[[str, str], None],
    ) -> None:
        """All whole lines that an attempt has printed since the last time."""
        while not tail.over:
            answer = self.request(
                "GET",
                f"/api/workflowruns/{run_id}/steps/{step['id']}/logs",
                params={"attempt": attempt, "offset": tail.offset},
            )
            tail.offset = int(answer.headers["X-Log-Offset"])
            tail.over = answer.headers["X-Log-Complete"] == "true"
            *lines, tail.rest = (tail.rest + answer.content.decode("utf-8", "replace")).split("\n")
            if tail.over and tail.rest:
                lines.append(tail.rest)
            for line in lines:
                show(step["stepName"], line)
            if not answer.content:
                return


@dataclass
class _Tail:
    """How far the log of an attempt has been shown."""

    offset: int = 0
    rest: str = ""
    """A line that has no end yet."""
    over: bool = False


def from_environment() -> Client:
    """Raises ApiError when there is no token."""
    token = os.environ.get("GALLEY_TOKEN")
    if not token:
        raise ApiError(
            "GALLEY_TOKEN is not set. Make one with: "
            "export GALLEY_TOKEN=$(galley token create admin --name cli --scope write)"
        )
    host, port = os.environ.get("GALLEY_HOST"), os.environ.get("GALLEY_PORT")
    return Client(
        os.environ.get("GALLEY_URL") or f"http://{host or '127.0.0.1'}:{port or 8000}", token
    )


def _explain(response: httpx.Response) -> str:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return f"The server answered {response.status_code}."
    details = [
        f"  {detail.get('field', '')}: {detail.get('message', '')}"
        for detail in error.get("details") or []
    ]
    return "\n".join([f"{error['message']} ({error['code']})", *details])

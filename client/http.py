"""One server and one token.

GALLEY_URL (default: the address of `galley up` on this machine) and GALLEY_TOKEN say where and who.
"""

import contextlib
import ipaddress
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

# httpx tries to load a command line of its own, and with it rich: half of the time that it takes.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402

from client import ApiError, Unreachable  # noqa: E402

PAGE_SIZE = 200
TIMEOUT = httpx.Timeout(40, connect=5)
"""Seconds. A request that waits for a run takes twenty."""
NOT_NOW = (502, 503, 504)


class Client:
    """Asks one server with one token. Every call raises ApiError, which names every fault."""

    def __init__(self, url: str, token: str) -> None:
        """url: as from `checked_url`."""
        self.url = url
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        """Give up the connections; a program that ends need not."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, which is no error. Raises Unreachable where it is worth trying again."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.url} cannot be reached: {_reason(error)}.",
                "Does Galley run there? GALLEY_URL says where it is.",
            ) from None
        if response.status_code in NOT_NOW:
            raise Unreachable(_explain(response))
        if response.status_code == 401:
            raise ApiError(f"{self.url} does not accept GALLEY_TOKEN: {_explain(response)}")
        if response.is_error:
            raise ApiError(_explain(response))
        if response.has_redirect_location:
            target = response.headers["Location"]
            raise ApiError(f"{self.url} redirects to {target}: set GALLEY_URL to where it leads.")
        return response

    def get(self, path: str, **parameters: Any) -> Any:
        return self.content(self.request("GET", path, params=parameters))

    def send(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> Any:
        """headers: with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.content(self.request(method, path, json=body, headers=named))

    def content(self, response: httpx.Response) -> Any:
        """What an answer holds; None for one without content."""
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ApiError(
                f"{self.url} answers, but not as Galley does. GALLEY_URL says where Galley is."
            ) from None

    def items(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        page = 1
        while True:
            found = self.get(path, page=page, pageSize=PAGE_SIZE, **filters)
            yield from found["items"]
            if page * PAGE_SIZE >= found["totalCount"]:
                return
            page += 1

    # ---- workflows ----

    def find_workflow(self, name: str, project: str | None = None) -> dict[str, Any] | None:
        """A workflow by name (regardless of case) or by id. Raises ApiError for several."""
        filters = {"search": name, **({"projectId": project} if project else {})}
        named = [
            item
            for item in self.items("/api/workflows", **filters)
            if item["name"].casefold() == name.casefold()
        ]
        if len(named) > 1:
            projects = ", ".join(item["projectId"] for item in named)
            raise ApiError(f"Several projects have a workflow {name!r}: {projects}. Use its id.")
        if named:
            return named[0]
        if re.fullmatch("[0-9a-f]{24}", name):
            by_id: dict[str, Any] = self.get(f"/api/workflows/{name}")
            return by_id
        return None

    def apply(self, definition: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create the workflow, or update the one of that name in the project: (what, workflow).

        What somebody else saves in between is not overwritten: ApiError says who it was.
        """
        project, name = definition.get("projectId"), definition.get("name")
        known = (
            self.find_workflow(name, project)
            if isinstance(name, str) and isinstance(project, str)
            else None
        )
        if known is None:
            return "created", self.send("POST", "/api/workflows", definition)
        path = f"/api/workflows/{known['id']}"
        read = self.request("GET", path)
        changed = self.send("PUT", path, definition, If_Match=read.headers["ETag"])
        return "updated", changed

    # ---- runs ----

    def start(self, workflow_id: str, parameters: Mapping[str, Any], key: str) -> str:
        """The id of the new run; with a `key` that was used before, of the run that it began."""
        body = {"parameters": parameters, "triggerSource": "cli"}
        path = f"/api/workflows/{workflow_id}/runs"
        return str(self.send("POST", path, body, Idempotency_Key=key)["runId"])


def from_environment() -> Client:
    """Raises ApiError when there is no token, or the address is none."""
    token = os.environ.get("GALLEY_TOKEN")
    if not token:
        raise ApiError(
            "GALLEY_TOKEN is not set. Make one on the server's own machine with: "
            "galley token create NAME --name cli --scope write"
        )
    if not (token.isascii() and token.isprintable()):
        raise ApiError("GALLEY_TOKEN must be a token of Galley, such as gal_….")
    return Client(checked_url(os.environ.get("GALLEY_URL") or _near_url()), token)


def checked_url(url: str) -> str:
    """An address of a server, without a slash at its end. Raises ApiError."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = None
    if not is_address:
        raise ApiError(f"GALLEY_URL must be an address such as https://galley.example, not {url}.")
    return url.rstrip("/")


def is_of_this_machine(url: str) -> bool:
    """Whether what is sent to this address stays on this machine."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _near_url() -> str:
    """Where `galley up` with the same settings is found on this machine."""
    host, port = os.environ.get("GALLEY_HOST"), os.environ.get("GALLEY_PORT")
    everywhere = {None: "127.0.0.1", "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    near = everywhere.get(host, host) or ""
    return f"http://{f'[{near}]' if ':' in near else near}:{port or 8000}"


def _reason(error: httpx.HTTPError) -> str:
    """Without the number that the system has for it."""
    if isinstance(error, httpx.TimeoutException):
        return "it takes too long to answer"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _explain(response: httpx.Response) -> str:
    try:
        error = response.json()["error"]
        details = [
            f"  {detail.get('field', '')}: {detail.get('message', '')}"
            for detail in error.get("details") or []
        ]
        return "\n".join([f"{error['message']} ({error['code']})", *details])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The server answered {response.status_code}."

"""An HTTP client for one server and one token.

GALLEY_URL (default: the address of `galley up` on this machine) and GALLEY_TOKEN choose them.
"""

import contextlib
import ipaddress
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

# Half of the import time of httpx is its own command line, which loads rich.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402

from client import ApiError, Unreachable  # noqa: E402

PAGE_SIZE = 200
TIMEOUT = httpx.Timeout(40, connect=5)
"""In seconds. A request that waits for a change of a run takes twenty."""
UNAVAILABLE = (502, 503, 504)


class Client:
    """A client of one server. Every call raises ApiError, whose text includes all field errors."""

    def __init__(self, url: str, token: str) -> None:
        """url: as from `checked_url`."""
        self.url = url
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connections. A program that ends need not call this."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a successful response. Raises Unreachable if a retry may help."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.url} cannot be reached: {_reason(error)}.",
                "Check that Galley runs there, or set GALLEY_URL to its address.",
            ) from None
        if response.status_code in UNAVAILABLE:
            raise Unreachable(_explain(response))
        if response.status_code == 401:
            raise ApiError(f"{self.url} does not accept GALLEY_TOKEN: {_explain(response)}")
        if response.is_error:
            raise ApiError(_explain(response))
        if response.has_redirect_location:
            target = response.headers["Location"]
            raise ApiError(f"{self.url} redirects to {target}. Set GALLEY_URL to that address.")
        return response

    def get(self, path: str, **parameters: Any) -> Any:
        return self.content(self.request("GET", path, params=parameters))

    def send(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> Any:
        """Send a JSON body. headers: names with `_` instead of `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.content(self.request(method, path, json=body, headers=named))

    def content(self, response: httpx.Response) -> Any:
        """Return the JSON of a response, or None if it is empty."""
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ApiError(
                f"The server at {self.url} is not Galley. Set GALLEY_URL to Galley's address."
            ) from None

    def items(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Return all items of a list, page by page."""
        page = 1
        while True:
            found = self.get(path, page=page, pageSize=PAGE_SIZE, **filters)
            yield from found["items"]
            if page * PAGE_SIZE >= found["totalCount"]:
                return
            page += 1

    # ---- workflows ----

    def find_workflow(self, name: str, project: str | None = None) -> dict[str, Any] | None:
        """Find a workflow by name, ignoring case, or id. Raises ApiError for several matches."""
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
        """Create the workflow, or update the one of that name in the project.

        Returns "created" or "updated", and the workflow. Raises ApiError if the workflow was
        changed by another user in the meantime.
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
        """Start a run and return its id. A `key` used before returns the same run again."""
        body = {"parameters": parameters, "triggerSource": "cli"}
        path = f"/api/workflows/{workflow_id}/runs"
        return str(self.send("POST", path, body, Idempotency_Key=key)["runId"])


def from_environment() -> Client:
    """Return the client of GALLEY_URL. Raises ApiError for a missing token or an invalid URL."""
    token = os.environ.get("GALLEY_TOKEN")
    if not token:
        raise ApiError(
            "GALLEY_TOKEN is not set. Create a token on the server's machine with: "
            "galley token create NAME --name cli --scope write"
        )
    if not (token.isascii() and token.isprintable()):
        raise ApiError("GALLEY_TOKEN must be a token from Galley, such as gal_….")
    return Client(checked_url(os.environ.get("GALLEY_URL") or _local_url()), token)


def checked_url(url: str) -> str:
    """Return a server's address without a trailing slash. Raises ApiError."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = None
    if not is_address:
        raise ApiError(f"GALLEY_URL must be an address such as https://galley.example, not {url}.")
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Return whether requests to this address stay on this machine."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _local_url() -> str:
    """Return the address of `galley up` with the same settings on this machine."""
    host, port = os.environ.get("GALLEY_HOST"), os.environ.get("GALLEY_PORT")
    everywhere = {None: "127.0.0.1", "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = everywhere.get(host, host) or ""
    return f"http://{f'[{host}]' if ':' in host else host}:{port or 8000}"


def _reason(error: httpx.HTTPError) -> str:
    """Describe an error without its system error number."""
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

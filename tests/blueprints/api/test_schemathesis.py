"""The document and the server, held against each other by requests that a machine makes up."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprints.api.routes import camel
from tests.support import contract
from tests.support.examples import examples
from tests.support.people import People

pytestmark = pytest.mark.slow

if TYPE_CHECKING:  # to import it takes a while, and only the process that runs these tests has to
    from schemathesis import BaseSchema, Case

OFTEN = itertools.cycle([True, True, False])
ROLES = ("stranger", "user", "superuser", "admin", "sysadmin")
VAST = 5000
CALLS = [
    pytest.param(path, method, id=f"{method.upper()} {path}")
    for path, methods in contract.DOCUMENT["paths"].items()
    for method in methods
]

CONFIG = {
    # NUL is refused everywhere, which no schema says.
    "generation": {"with-security-parameters": False, "allow-x00": False},
    "operations": [
        {
            # How long a file is, no schema can say.
            "include-operation-id": ["getLog", "getUpload"],
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "304", "401", "403", "404", "416"]
                }
            },
        },
        {
            # What no schema can say: rules between fields, keys that were used, revisions.
            "include-operation-id": [
                "createWorkflow",
                "changeWorkflow",
                "deleteWorkflow",
                "startRun",
                "rerun",
            ],
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "412", "422"]
                }
            },
        },
    ],
}


@functools.cache
def api() -> BaseSchema:
    from schemathesis import openapi
    from schemathesis.checks import load_all_checks
    from schemathesis.config import SchemathesisConfig

    load_all_checks()
    document = without_vast_lengths(contract.DOCUMENT)
    return openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))


def without_vast_lengths(part: Any) -> Any:
    """Vast lengths become repetitions in a pattern, which take seconds to compile."""
    if isinstance(part, list):
        return [without_vast_lengths(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {name: value for name, value in part.items() if name != "maxLength" or value < VAST}
    return {name: without_vast_lengths(value) for name, value in kept.items()}


@pytest.fixture(autouse=True)
def read_all(app) -> None:
    """Schemathesis does not close answers, and with them the files that they are sent from."""

    def read(response: Response) -> Response:
        if response.direct_passthrough:
            response.direct_passthrough = False
            data = response.get_data()
            response.close()
            response.set_data(data)
        return response

    app.after_request_funcs[None].append(read)


@pytest.fixture
def callers(people: People) -> Iterator[dict[str, str]]:
    """Headers of everybody in turn."""
    return itertools.cycle([getattr(people, role).headers() for role in ROLES])


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_the_server_does_what_the_document_says(
    path: str,
    method: str,
    app: Flask,
    known: dict[str, Any],
    callers: Iterator[dict[str, str]],
) -> None:
    """By requests as they should be and as they should not."""
    from schemathesis import GenerationMode

    operation = api()[path][method]
    operation.app = operation.schema.app = app
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=examples(4),
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes))
    def hold(case: Case) -> None:
        address_in(case, known)
        do_not_wait(case)
        case.call_and_validate(headers=next(callers))

    hold()


def address_in(case: Case, known: dict[str, Any]) -> None:
    """Of addresses that are meant to be right, let every other name something that is there."""
    from schemathesis.core.parameters import ParameterLocation

    there = {camel(name): value for name, value in known.items()}
    part = case.meta.components.get(ParameterLocation.PATH)
    if part is not None and part.mode.is_positive and next(OFTEN):
        case.path_parameters = {
            name: there.get(name, value) for name, value in case.path_parameters.items()
        }


def do_not_wait(case: Case) -> None:
    """Have a long poll answered at once."""
    from schemathesis.core.parameters import ParameterLocation

    part = case.meta.components.get(ParameterLocation.QUERY)
    if part is not None and part.mode.is_positive and "wait" in case.query:
        case.query["wait"] = 0

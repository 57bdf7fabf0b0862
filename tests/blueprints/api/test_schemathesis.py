"""The document and the server, held against each other by requests that a machine makes up."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Response
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from blueprints.api.routes import camel
from tests.support import contract

OFTEN = itertools.cycle([True, True, False])
ROLES = ("stranger", "user", "superuser", "admin", "sysadmin")
EXAMPLES = 6

CONFIG = SchemathesisConfig.from_dict(
    {
        # NUL is refused everywhere, which no schema says.
        "generation": {"with-security-parameters": False, "allow-x00": False},
        # They make up all requests while tests are collected, in every process, for 20 s.
        "phases": {"coverage": {"enabled": False}, "examples": {"enabled": False}},
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
)

api = schemathesis.openapi.from_dict(contract.DOCUMENT, config=CONFIG)


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
def callers(people) -> Iterator[dict[str, str]]:
    """Headers of everybody in turn."""
    return itertools.cycle([getattr(people, role).headers() for role in ROLES])


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_server_does_what_the_document_says(case, app, known, callers):
    case.operation.app = case.operation.schema.app = app
    address_in(case, known)
    case.call_and_validate(headers=next(callers))


def address_in(case: Any, known: dict[str, Any]) -> None:
    """Of addresses that are meant to be right, let every other name something that is there."""
    there = {camel(name): value for name, value in known.items()}
    part = case.meta.components.get(ParameterLocation.PATH)
    if part is not None and part.mode.is_positive and next(OFTEN):
        case.path_parameters = {
            name: there.get(name, value) for name, value in case.path_parameters.items()
        }

"""An example workflow for the API's documentation, which the tests execute."""

from typing import Any

BUILD = {
    "name": "Package",
    "type": "Build",
    "configuration": {
        "ingredientId": "shop",
        "buildScript": 'make dist\nmv dist/* "$GALLEY_OUTPUT"\n',
    },
    "timeoutSeconds": 900,
}
TEST = {
    "name": "Unit tests",
    "type": "Test",
    "configuration": {"testSuite": "unit", "releaseIds": ["shop@run"]},
    "retries": 1,
}
DEPLOY = {
    "name": "To staging",
    "type": "Deploy",
    "configuration": {"target": "staging", "artifactPath": "*.tar.gz"},
}

DEFINITION: dict[str, Any] = {
    "name": "Web shop",
    "description": "Builds, tests and stages the shop.",
    "parameters": [
        {
            "name": "channel",
            "description": "Audience of the release.",
            "type": "choice",
            "choices": ["stable", "beta"],
            "default": "stable",
        }
    ],
    "concurrency": 1,
    "stages": [
        {"name": "Build", "order": 1, "steps": [BUILD]},
        {"name": "Test", "order": 2, "steps": [TEST]},
        {
            "name": "Deploy",
            "order": 3,
            "approval": {"roles": ["SuperUser"]},
            "steps": [DEPLOY],
        },
    ],
}

NEW = {"projectId": "webshop", **DEFINITION}
CHANGED = {**DEFINITION, "description": "Now with a smoke test.", "isEnabled": True}

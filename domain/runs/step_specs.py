"""The snapshot a run works from: what its definition names, copied when it starts, and signed.

A worker runs nothing of a step whose stored plan is not as it was signed. Covered is the plan: not
what is stored before a start (definitions, suites, environments), nor what steps leave behind
(releases, packages), nor statuses and approvals.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.accounts.access import SUPER_USER, USER
from domain.definitions.references import environment_lock
from domain.models import Environment, TestSuite
from domain.secret_key import Keys


class RunPart(NamedTuple):
    """What is signed and is the same for all steps of a run."""

    run_id: str
    project_id: str
    """Decides whose releases, secrets and environments are used."""
    run_number: int
    triggered_by: str
    """In whose name releases and deployments are made."""
    parameters: dict[str, Any]


class StepPart(NamedTuple):
    """What is signed of one step; with its id, so that it is worth nothing for another one.

    The queue decides which hosts may run it, the lock that one deployment waits for the other. Not
    signed are the retries, which count down, and the name of the workflow, which scripts only see:
    one that is renamed while it runs must not stop.
    """

    step_id: str
    stage_name: str
    name: str
    type: str
    queue: str
    timeout_seconds: int
    lock_key: str | None
    spec: dict[str, Any]


class Seal:
    """Signs the steps of one run, and checks them."""

    def __init__(self, keys: Keys, run: RunPart) -> None:
        self._keys = keys
        # Once, and not in every step's content: the parameters of a run may be a megabyte.
        self._run = keys.sign(run._asdict())

    def sign(self, step: StepPart) -> str:
        return self._keys.sign(self._content(step))

    def fits(self, step: StepPart, signature: str) -> bool:
        return self._keys.fits(self._content(step), signature)

    def _content(self, step: StepPart) -> dict[str, Any]:
        return {"run": self._run, **step._asdict()}


class Snapshot:
    """What the steps of a definition name, as it is now: suites and environments.

    Its methods raise DoesNotExist for what was deleted meanwhile.
    """

    def __init__(self, project_id: str) -> None:
        self._project_id = project_id
        self._suites: dict[str, TestSuite] = {}
        self._environments: dict[str, Environment] = {}

    def spec(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """All a worker needs to run the step, whatever is edited meanwhile."""
        configuration = step["configuration"]
        if step["type"] == "Build":
            return {
                "ingredientId": configuration["ingredientId"],
                "script": configuration.get("buildScript"),
            }
        if step["type"] == "Test":
            return self._test_spec(configuration)
        environment = self._environment(configuration["target"])
        return {
            "target": environment.name,
            "environmentId": environment.id,
            "driver": environment.driver,
            "settings": environment.settings,
            "artifactPath": configuration["artifactPath"],
        }

    def _test_spec(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        suite = self._suite(configuration["testSuite"])
        return {
            "suite": suite.name,
            "script": suite.script,
            "timeoutSeconds": suite.timeout_seconds,
            "releaseIds": configuration.get("releaseIds") or [],
        }

    def _suite(self, name: str) -> TestSuite:
        if name not in self._suites:
            self._suites[name] = TestSuite.get(
                (TestSuite.project == self._project_id) & (TestSuite.name == name)
            )
        return self._suites[name]

    def _environment(self, name: str) -> Environment:
        if name not in self._environments:
            self._environments[name] = Environment.get(
                (Environment.project == self._project_id) & (Environment.name == name)
            )
        return self._environments[name]

    def lock_key(self, step: Mapping[str, Any]) -> str | None:
        if step["type"] != "Deploy":
            return None
        return environment_lock(self._environment(step["configuration"]["target"]).id)

    def approval(self, stage: Mapping[str, Any]) -> dict[str, Any] | None:
        """Who has to approve: what the stage asks for, or an environment it deploys to."""
        asked = stage.get("approval") or {}
        roles = list(asked.get("roles") or [SUPER_USER]) if asked.get("required") else []
        targets = (
            self._environment(step["configuration"]["target"])
            for step in stage["steps"]
            if step["type"] == "Deploy"
        )
        if any(environment.requires_approval for environment in targets):
            roles = [role for role in roles if role != USER] or [SUPER_USER]
        return {"required": True, "roles": roles} if roles else None

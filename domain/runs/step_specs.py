"""The specs of a run's steps: copies of everything they need, made and signed at the start.

A worker refuses steps whose stored plan does not match its signature. The signature covers the
plan: not definitions, suites and environments, nor releases, packages, statuses and approvals.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.accounts.access import SUPER_USER, USER
from domain.definitions.references import environment_lock
from domain.models import Environment, TestSuite
from domain.secret_key import Keys


class RunPart(NamedTuple):
    """The signed part that all steps of a run share."""

    run_id: str
    project_id: str
    """Selects the releases, secrets and environments that can be used."""
    run_number: int
    triggered_by: str
    """The author of releases and deployments."""
    parameters: dict[str, Any]


class StepPart(NamedTuple):
    """The signed part of one step, with its id, so that the signature fits no other step.

    It includes the queue, which selects the hosts, and the lock of deployments. It excludes the
    retries, which count down, and the workflow's name, which may change during a run.
    """

    step_id: str
    stage_name: str
    name: str
    type: str
    queue: str
    timeout_seconds: int
    lock_key: str | None
    spec: dict[str, Any]


def part_of(step: Mapping[str, Any], stage_name: str, spec: dict[str, Any]) -> StepPart:
    """Return the signed part of a step, from its columns."""
    columns = ("name", "type", "queue", "timeout_seconds", "lock_key")
    own = {name: step[name] for name in columns}
    return StepPart(step_id=step["id"], stage_name=stage_name, spec=spec, **own)


class Seal:
    """The signatures of one run's steps."""

    def __init__(self, keys: Keys, run: RunPart) -> None:
        self._keys = keys
        # Signed once, not with every step, as the parameters of a run may have a megabyte.
        self._run = keys.sign(run._asdict())

    def sign(self, step: StepPart) -> str:
        return self._keys.sign(self._content(step))

    def fits(self, step: StepPart, signature: str) -> bool:
        return self._keys.fits(self._content(step), signature)

    def _content(self, step: StepPart) -> dict[str, Any]:
        return {"run": self._run, **step._asdict()}


class Snapshot:
    """The current suites and environments that the steps of a definition name.

    Its methods raise DoesNotExist for those deleted meanwhile.
    """

    def __init__(self, project_id: str) -> None:
        self._project_id = project_id
        self._suites: dict[str, TestSuite] = {}
        self._environments: dict[str, Environment] = {}

    def spec(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Return everything that a worker needs to run the step, independent of later edits."""
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
        """Return the approval that the stage, or an environment that it deploys to, requires."""
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

"""What the soak does with Galley meanwhile: workflows of every kind, and people who interfere."""

import collections
import contextlib
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from domain.models import Run, StepRun
from domain.statuses import SUCCEEDED
from jobs.queue import RUN_STEP
from tests.resilience.whole import Galley
from tests.support.wait import eventually

UNFINISHED = "status=Pending&status=Running"
PATIENCE_SECONDS = 90
"""For what is unfinished when nobody interferes any more."""


class Work:
    """Starts runs and decides what waits for somebody; knows afterwards what must be true."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.effects = folder / "effects"
        self.effects.mkdir()
        self.target = folder / "target"
        self.dice = dice
        self.workflows: list[str] = []
        self.duck = ""
        self.begun_steps: list[str] = []

    # ---- the workflows ----

    def prepare(self, galley: Galley) -> None:
        """Make project and workflows, unless an earlier start has."""
        if self.workflows:
            return
        self.duck = galley.duck
        project = f"/api/projects/{galley.project}"
        galley.send("PUT", f"{project}/testsuites/unit", {"script": self._script("")})
        places = {
            "folder": ("directory", {"path": str(self.target)}),
            "script": ("script", {"script": self._script("")}),
        }
        for name, (driver, settings) in places.items():
            body = {"driver": driver, "settings": settings}
            galley.send("PUT", f"{project}/environments/{name}", body)
        for name, more in self._definitions(galley).items():
            body = {"name": name, "projectId": galley.project, **more}
            for number, stage in enumerate(body["stages"], 1):
                stage.update(name=f"stage {number}", order=number)
            self.workflows.append(galley.send("POST", "/api/workflows", body)["id"])

    def _script(self, work: str) -> str:
        """Notes its begin and its end in files that only it has, and leaves a child behind."""
        mark = f"{self.effects}/$GALLEY_RUN_ID.$GALLEY_STEP.$GALLEY_ATTEMPT"
        return (
            f'touch "{mark}.begun"\nsetsid -f sleep 300\n{work}\n'
            f'sleep 0.$(($$ % 4))\ntouch "{mark}.done"\n'
        )

    def _definitions(self, galley: Galley) -> dict[str, dict[str, Any]]:
        output = 'echo "$GALLEY_RUN_ID" > "$GALLEY_OUTPUT/x.txt"'

        def build(name: str, work: str = "", **more: Any) -> dict[str, Any]:
            return {**galley.build(name, self._script(work) + output), **more}

        def deploy(name: str, target: str) -> dict[str, Any]:
            configuration = {"target": target, "artifactPath": "x.txt"}
            return {"name": name, "type": "Deploy", "configuration": configuration}

        unit = {"name": "unit", "type": "Test", "configuration": {"testSuite": "unit"}}
        outside = {"name": "o", "type": "Build", "configuration": {"ingredientId": galley.duck}}
        approval = {"required": True, "roles": ["SuperUser"]}
        return {
            "Parallel": {"stages": [{"steps": [build("a"), build("b")]}, {"steps": [build("c")]}]},
            "Pipeline": {
                "stages": [
                    {"steps": [build("a")]},
                    {"steps": [unit]},
                    {"steps": [deploy("d", "folder")]},
                ]
            },
            "Delivery": {
                "stages": [
                    {"steps": [build("a")]},
                    {"steps": [deploy("d", "script")]},
                    {"steps": [build("z")], "runIf": "always"},
                ],
                "concurrency": 2,
            },
            "Flaky": {
                "stages": [
                    {"steps": [build("a", "[ $(($$ % 2)) = 0 ]", retries=2), build("b")]},
                    {"steps": [build("c")]},
                    {"steps": [build("f")], "runIf": "failure"},
                ]
            },
            "Failing": {"stages": [{"steps": [build("a", "exit 3")]}, {"steps": [build("b")]}]},
            "Gated": {"stages": [{"steps": [build("a")]}, {"steps": [unit], "approval": approval}]},
            "Outside": {"stages": [{"steps": [outside, build("a")]}, {"steps": [build("b")]}]},
            "Slow": {"stages": [{"steps": [build("a", "sleep 1"), build("b", "sleep 0.5")]}]},
        }

    # ---- what people and scripts do ----

    def do_something(self, galley: Galley, in_progress: int) -> None:
        """One thing; raises httpx.HTTPError when the web server is not there."""
        runs = self._unfinished(galley)
        if len(runs) < in_progress:
            self._start(galley)
            return
        run = self._run(galley, self.dice.choice(runs)["id"])
        self.begun_steps = [step["id"] for step in galley.steps(run)]
        chance = self.dice.random()
        if chance < 0.01:
            self._post(galley, f"{run['id']}/abort")
        elif chance < 0.03:
            self._repeat(galley)
        else:
            self._decide(galley, run)

    def _unfinished(self, galley: Galley) -> list[dict[str, Any]]:
        path = f"/api/workflowruns?pageSize=100&{UNFINISHED}"
        return self._asked(galley.client.get(path))["items"]

    def _run(self, galley: Galley, run_id: str) -> dict[str, Any]:
        return self._asked(galley.client.get(f"/api/workflowruns/{run_id}"))

    @staticmethod
    def _asked(response: httpx.Response) -> Any:
        """Raises httpx.HTTPStatusError, also for what only came too early or too late."""
        response.raise_for_status()
        return response.json()

    def _start(self, galley: Galley) -> None:
        """Sent again with the same key when no answer came: it must not make a second run."""
        key = uuid.uuid4().hex
        path = f"/api/workflows/{self.dice.choice(self.workflows)}/runs"
        for _ in range(3):
            with contextlib.suppress(httpx.HTTPError):
                self._asked(
                    galley.client.post(
                        path, json={"triggerSource": key}, headers={"Idempotency-Key": key}
                    )
                )
                return
            time.sleep(0.3)

    def _post(self, galley: Galley, path: str, body: Any = None) -> None:
        """One that is refused is no trouble: it came too early or too late."""
        galley.client.post(f"/api/workflowruns/{path}", json=body)

    def _repeat(self, galley: Galley) -> None:
        ended = self._asked(galley.client.get("/api/workflowruns?status=Failed&pageSize=20"))
        if ended["items"]:
            run = self.dice.choice(ended["items"])
            body = {"from": self.dice.choice(["start", "failed"]), "definition": "same"}
            self._post(galley, f"{run['id']}/rerun", body)
            self._answer(galley, self._run(galley, run["id"]))

    def _answer(self, galley: Galley, run: dict[str, Any]) -> None:
        for step in galley.steps(run):
            if step["outsideEffect"] == "unknown":
                body = {"happened": self.dice.random() < 0.5}
                self._post(galley, f"{run['id']}/steps/{step['id']}/outcome", body)

    def _decide(self, galley: Galley, run: dict[str, Any]) -> None:
        for stage in run["stageRuns"]:
            if {reason["code"] for reason in stage["waiting"]} == {"approval"}:
                answer = self.dice.choice(["approve", "approve", "reject"])
                self._post(galley, f"{run['id']}/stages/{stage['id']}/{answer}")
        for step in galley.steps(run):
            if {reason["code"] for reason in step["waiting"]} == {"outside_completion"}:
                body = {"success": self.dice.random() < 0.8}
                for _ in range(2):
                    self._post(galley, f"{run['id']}/steps/{step['id']}/complete", body)

    def ring_twice(self, redis: Redis) -> None:
        """A message that was delivered already, or belongs to an attempt that is over."""
        queue = Queue("galley-default", connection=redis, serializer=JSONSerializer)
        for step_id in self.begun_steps:
            queue.enqueue_call(
                RUN_STEP, (step_id, self.dice.choice([1, 1, 2])), job_id=f"again-{uuid.uuid4().hex}"
            )

    # ---- afterwards ----

    def finish(self, galley: Galley) -> list[str]:
        """Decide whatever waits for somebody until all is over; a sentence for each stuck run."""
        left: list[dict[str, Any]] = []

        def all_over() -> bool:
            with contextlib.suppress(httpx.HTTPError):  # it may still be coming to itself
                left[:] = self._unfinished(galley)
                for run in left:
                    self._decide(galley, self._run(galley, run["id"]))
                return not left
            return False

        with contextlib.suppress(AssertionError):
            eventually(all_over, PATIENCE_SECONDS, "every run to end")
        return [f"the run {run['id']} is stuck: {galley.get(run['id'])}" for run in left]

    def broken(self) -> Iterator[str]:
        """What the scripts' own notes and the database do not agree on."""
        notes = {file.name for file in self.effects.iterdir()}
        steps = StepRun.select(StepRun, Run).join(Run)
        for step in list(steps):
            of_it = f"{step.run_id}.{step.name}."
            begun = [n for n in range(1, 20) if f"{of_it}{n}.begun" in notes]
            is_script = not step.is_outside and step.kept_from is None and step.name != "d"
            if (
                is_script
                and step.status == SUCCEEDED
                and f"{of_it}{step.attempt}.done" not in notes
            ):
                yield f"{of_it} has succeeded, but its script did not come to its end"
            if len(begun) > step.attempt:
                yield f"{of_it} began {len(begun)} times in {step.attempt} attempts"
            if step.type == "Deploy" and len(begun) > 1:
                yield f"{of_it} was deployed {len(begun)} times"
        sources = collections.Counter(run.trigger_source for run in Run.select(Run.trigger_source))
        for source, count in sources.items():
            if count > 1 and source != "rerun":
                yield f"one request, sent again, made {count} runs: {source}"

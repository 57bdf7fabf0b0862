"""What the engine promises, said once more without a database.

Written from the contract and not from the engine's code, so that tests/domain/test_engine_machine
can hold the two against each other. Times are epoch milliseconds and come from the caller.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from domain.statuses import CANCELLED, FAILED, FINISHED, PENDING, RUNNING, SKIPPED, SUCCEEDED
from tests.support.engine.things import Lease, Run, Stage, Step, Workflow


@dataclass
class Model:
    """Every workflow with its runs. A method does what the function of that name promises."""

    max_attempts: int
    """How often a step is begun whose workers are lost."""
    workflows: list[Workflow] = field(default_factory=list)
    deployed: list[str | None] = field(default_factory=list)
    """The environment of every deployment, in the order in which they began."""

    def runs(self) -> list[Run]:
        return [run for workflow in self.workflows for run in workflow.runs]

    def stages(self) -> list[Stage]:
        return [stage for run in self.runs() for stage in run.stages]

    def steps(self) -> list[Step]:
        return [step for run in self.runs() for step in run.steps()]

    def leases(self) -> list[Lease]:
        """Those of the steps that run, also when they were ended."""
        return [step.lease for step in self.steps() if step.lease is not None]

    # ---- runs ----

    def start(self, workflow: Workflow, at: int) -> Run:
        run = _new_run(workflow)
        _move_on(run, at)
        return run

    def rerun(self, old: Run, whence: str, at: int) -> Run | None:
        """None when the old run cannot be run again like that, or not yet."""
        if not old.is_over:
            return None
        if whence == "start":
            return self.start(old.workflow, at)
        if old.status == SUCCEEDED or any(step.effect == "unknown" for step in old.steps()):
            return None
        run = _new_run(old.workflow)
        _keep(run, old, self._spoilt(old, set()))
        _move_on(run, at)
        return run

    def admit(self, workflow: Workflow, at: int) -> None:
        while workflow.held_back() and workflow.has_room():
            run = workflow.held_back()[0]
            run.admitted = True
            _move_on(run, at)

    def advance(self, run: Run, at: int) -> None:
        """The end of a run makes room for others of its workflow."""
        _move_on(run, at)
        if run.is_over and run.workflow.limit is not None:
            self.admit(run.workflow, at)

    def abort_run(self, run: Run, at: int) -> None:
        if run.is_over or run.is_to_stop:
            return
        run.is_to_stop = True
        for step in run.steps():
            if step.ready_at is not None:
                _stop(step)
        self.advance(run, at)

    # ---- stages ----

    def decide(self, stage: Stage, decision: str, at: int) -> bool:
        """Approve or reject; False when the stage does not wait for it."""
        run = self._run_of(stage.steps[0])
        before = run.stages[: run.stages.index(stage)]
        waits = stage.plan.needs_approval and stage.decision is None and not stage.is_open
        if stage.status != PENDING or not waits or any(s.status not in FINISHED for s in before):
            return False
        stage.decision = decision
        self.advance(run, at)
        return True

    # ---- steps ----

    def may_be_claimed(self, step: Step, new_runs: bool) -> bool:
        """new_runs: by a worker that also begins runs."""
        is_busy = step.plan.environment is not None and any(
            other.status == RUNNING and other.plan.environment == step.plan.environment
            for other in self.steps()
        )
        is_for_it = new_runs or self._run_of(step).status != PENDING
        return step.waits_for_a_worker and is_for_it and not is_busy

    def claim(self, step: Step, worker: str, until: int) -> Lease:
        """Of a step that may be claimed."""
        step.status = RUNNING
        step.attempts.append(RUNNING)
        step.lease = Lease(step, step.attempt, worker, until)
        self._mark_started(step)
        return step.lease

    def begin_to_deploy(self, lease: Lease) -> None:
        lease.step.deployment, lease.step.deployed = RUNNING, len(self.deployed)
        self.deployed.append(lease.step.plan.environment)

    def finish(self, lease: Lease, status: str, at: int) -> None:
        """The end of a lease that is good; one that is not is refused."""
        step = lease.step
        if status == FAILED and step.retries > 0 and not step.is_to_stop:
            step.retries -= 1
            _try_again(step, at)
        else:
            self._end(step, status, at)

    def lose(self, lease: Lease, at: int) -> None:
        """The worker is gone, or gives the step back. Nobody knows how far a Deploy got."""
        step = lease.step
        if step.deployment is not None:
            step.effect = "unknown"
            self._end(step, FAILED, at)
        elif step.is_to_stop:
            self._end(step, CANCELLED, at)
        elif step.plan.kind == "Deploy" or step.attempt >= self.max_attempts:
            self._end(step, FAILED, at)
        else:
            _try_again(step, at)

    def expire(self, lease: Lease, at: int) -> None:
        if lease.is_held and lease.is_ended:
            self.lose(lease, at)
        self.advance(self._run_of(lease.step), at)

    def abort_step(self, step: Step, at: int) -> None:
        if step.status in FINISHED:
            return
        _stop(step)
        self.advance(self._run_of(step), at)

    def end_outside(self, step: Step, status: str, at: int) -> None:
        """`complete`, or nobody did so in time."""
        self._mark_started(step)
        self._end(step, status, at)

    # ---- who repairs ----

    def reconcile(
        self, dead: Collection[str], seen: dict[str, int], at: int, slack_ms: int
    ) -> None:
        """dead: workers that are gone. seen: when each of the others was heard of last.

        What was heard more than the slack ahead is from before the clock was set back: that word
        becomes one of now, and the leases keep their distance to it.
        """
        for lease in self.leases():
            lease.is_ended |= lease.worker in dead
            seen_at = seen.get(lease.worker, at)
            if seen_at > at + slack_ms and lease.until > seen_at:
                lease.until -= seen_at - at
        seen |= {worker: at for worker, seen_at in seen.items() if seen_at > at + slack_ms}
        for lease in self.leases():
            if lease.is_over(at):
                lease.is_ended = True
                self.expire(lease, at)
        for workflow in self.workflows:
            self.admit(workflow, at)
        for step in self.steps():
            if step.is_overdue(at):
                self.end_outside(step, FAILED, at)

    # ---- what follows ----

    def _run_of(self, step: Step) -> Run:
        return next(run for run in self.runs() if step in run.steps())

    def _spoilt(self, old: Run, so_far: set[Step]) -> set[Step]:
        """Deploys of a run that cannot be kept: nothing says what they did, or another followed.

        But for one that is kept as well; so each that is spoilt may spoil others.
        """
        kept = [step for _, steps in _to_keep(old, so_far) for step in steps]
        stays = {step.deployed for step in kept}
        spoilt = {
            step
            for step in kept
            if step.plan.kind == "Deploy"
            and (
                step.deployed is None
                or any(
                    place == step.plan.environment and later not in stays
                    for later, place in enumerate(self.deployed)
                    if later > step.deployed
                )
            )
        }
        return self._spoilt(old, so_far | spoilt) if spoilt else so_far

    def _mark_started(self, step: Step) -> None:
        run = self._run_of(step)
        for part in (run, next(stage for stage in run.stages if step in stage.steps)):
            if part.status == PENDING:
                part.status = RUNNING

    def _end(self, step: Step, status: str, at: int) -> None:
        step.status = status
        if step.deployment == RUNNING:
            step.deployment = status
        _end_attempt(step, status)
        self.advance(self._run_of(step), at)


def _new_run(workflow: Workflow) -> Run:
    """None overtakes those that wait; without a limit nobody waits."""
    is_let_in = workflow.limit is None or (workflow.has_room() and not workflow.held_back())
    name = f"{workflow.name} #{len(workflow.runs) + 1}"
    run = Run(name, workflow, [], is_let_in)
    for number, plan in enumerate(workflow.stages, 1):
        steps = [
            Step(f"{name} {number}{letter}", step, step.retries)
            for letter, step in zip("abc", plan.steps, strict=False)
        ]
        run.stages.append(Stage(f"{name} stage {number}", plan, steps))
    workflow.runs.append(run)
    return run


def _keep(run: Run, old: Run, spoilt: set[Step]) -> None:
    kept = dict(_to_keep(old, spoilt))
    for stage, before in zip(run.stages, old.stages, strict=True):
        for step, old_step in zip(stage.steps, before.steps, strict=True):
            if old_step in kept.get(before, []):
                step.status = SUCCEEDED
                step.deployment, step.deployed = old_step.deployment, old_step.deployed
        if kept.get(before) == before.steps:
            stage.decision = before.decision


def _to_keep(old: Run, spoilt: set[Step]) -> Iterator[tuple[Stage, list[Step]]]:
    """What had succeeded is kept up to the first stage with something left to do."""
    for stage in old.stages:
        if stage.plan.run_if == "failure":
            continue
        good = [s for s in stage.steps if s.status == SUCCEEDED or s.effect == "happened"]
        yield stage, [step for step in good if step not in spoilt]
        if len(good) < len(stage.steps) or spoilt.intersection(stage.steps):
            return


def _stop(step: Step) -> None:
    if step.status == PENDING:
        step.status = CANCELLED
    elif step.status == RUNNING:
        step.is_to_stop = True


def _try_again(step: Step, at: int) -> None:
    _end_attempt(step, FAILED)
    step.status, step.ready_at = PENDING, at
    step.attempt += 1


def _end_attempt(step: Step, status: str) -> None:
    step.lease = None
    if step.attempts:
        step.attempts[-1] = status


def _move_on(run: Run, at: int) -> None:
    """Stages end and begin, in order; a run that was stopped begins nothing more."""
    if run.is_over or not (run.admitted or run.is_to_stop):
        return
    for stage, before in _with_those_before(run.stages):
        if stage.status in FINISHED:
            continue
        if not stage.is_open:
            if run.is_to_stop or not is_due(stage.plan.run_if, before):
                _pass_over(stage, SKIPPED)
                continue
            if stage.decision == "rejected":
                _pass_over(stage, CANCELLED)
                continue
            is_asked = stage.plan.needs_approval and stage.decision is None
            if is_asked and any(step.status != CANCELLED for step in stage.steps):
                return
            _open(stage, at)
        if any(step.status not in FINISHED for step in stage.steps):
            return
        stage.status = worst(step.status for step in stage.steps)
    run.status = CANCELLED if run.is_to_stop else worst(stage.status for stage in run.stages)


def _with_those_before(stages: list[Stage]) -> Iterator[tuple[Stage, list[str]]]:
    for position, stage in enumerate(stages):
        yield stage, [earlier.status for earlier in stages[:position]]


def is_due(run_if: str, before: list[str]) -> bool:
    """Whether a stage is to run, by the final statuses of all the stages before it."""
    if run_if == "failure":
        return FAILED in before
    return run_if == "always" or not {FAILED, CANCELLED} & set(before)


def worst(statuses: Iterable[str]) -> str:
    found = set(statuses)
    return next((bad for bad in (FAILED, CANCELLED) if bad in found), SUCCEEDED)


def _open(stage: Stage, at: int) -> None:
    stage.is_open = True
    for step in stage.steps:
        if step.status == PENDING:
            step.ready_at = at


def _pass_over(stage: Stage, status: str) -> None:
    stage.status = status
    for step in stage.steps:
        if step.status == PENDING:
            step.status = SKIPPED

"""The signed snapshot of a run, on both databases."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.models import Environment, Run, StageRun, StepRun, StepSpec, Workflow, write
from jobs.worker.step_plan import load
from tests.conftest import KINDS
from tests.support.keys import KEYS
from tests.support.pipelines import (
    a_project,
    a_workflow,
    an_environment,
    build,
    deploy,
    start,
    step_named,
)

# What a definition can hold: neither NUL nor half a character gets into one.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


@pytest.fixture
def project(database):
    return a_project()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
@example({"b": [1e16, 1e22, 1e23, 1e300, -1e300, 1e-7, -0.0, 5e-324, 2**63], "a": 0.1})
@example({"z": 1, "a": {"b": 1, "a": 2}, "": '\\"/\n\t\u2028é\U0001f986', "\\u0041": "\\u0000"})
def test_what_is_signed_fits_what_either_database_gives_back(project, value):
    run = Run.select().first() or start(a_workflow([build("a")]))
    signature = KEYS.sign({"parameters": {"v": value}, "spec": {"v": value}})
    with write():
        Run.update(parameters={"v": value}).execute()
        StepSpec.update(spec={"v": value}).execute()
    loaded = load(step_named(run, "a").id)
    back = {"parameters": loaded.run.parameters, "spec": loaded.step.spec}
    assert KEYS.fits(back, signature)
    by_peewee = {"parameters": Run.get().parameters, "spec": StepSpec.get().spec}
    assert KEYS.fits(by_peewee, signature)


@pytest.fixture
def run(project, tmp_path):
    an_environment(project, path=str(tmp_path))
    steps = [build("a"), build("b"), build("c", script=None), deploy("d")]
    return start(a_workflow(steps), version="1.0", scale=1e16, rate=1e-7, dry=True)


on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)


def is_as_signed(run: Run, step: str) -> bool:
    return load(step_named(run, step).id).is_as_signed(KEYS)


def test_every_step_of_a_new_run_is_as_it_was_signed(run):
    assert all(is_as_signed(run, step) for step in "abcd")


@on_one_database
@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Run, {"parameters": {"version": "6.6.6"}}),
        (Run, {"number": 7}),
        (Run, {"triggered_by": "mallory"}),
        (Run, {"project_id": "elsewhere"}),
        (StageRun, {"name": "another"}),
        (StepRun, {"name": "another"}),
        (StepRun, {"type": "Test"}),
        (StepRun, {"queue": "trusted"}),
        (StepRun, {"timeout_seconds": 86_400}),
        (StepRun, {"lock_key": None}),
        (StepSpec, {"spec": {"ingredientId": "duck", "script": "curl evil"}}),
        (StepSpec, {"spec": {}}),
        (StepSpec, {"signature": ""}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.__name__,
)
def test_whatever_decides_what_is_run_is_signed(run, model, change):
    step = step_named(run, "d")
    key = {Run: run.id, StageRun: step.stage_id}.get(model, step.id)
    with write():
        model.update(change).where(model._meta.primary_key == key).execute()
    assert not load(step.id).is_as_signed(KEYS)


def test_a_step_whose_spec_was_taken_away_is_not_as_signed(run):
    with write():
        StepSpec.delete().execute()
    assert not is_as_signed(run, "a")


def test_the_plan_of_one_step_is_worth_nothing_for_another(run):
    """Also of the same run, with the same name and script."""
    other = start(Workflow.get(), version="1.0")
    for step in (step_named(run, "b"), step_named(other, "a")):
        signed = StepSpec.get_by_id(step_named(run, "a").id)
        with write():
            StepSpec.update(spec=signed.spec, signature=signed.signature).where(
                StepSpec.step == step.id
            ).execute()
        assert not load(step.id).is_as_signed(KEYS)


def test_what_is_edited_after_the_start_leaves_the_run_as_it_was_signed(run):
    with write():
        Workflow.update(name="Renamed", is_enabled=False).execute()
        Environment.update(settings={"path": "/elsewhere"}).execute()
        StepRun.update(retries=3, attempt=2).execute()
    assert all(is_as_signed(run, step) for step in "abcd")

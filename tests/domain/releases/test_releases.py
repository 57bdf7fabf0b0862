"""Release references, versions, and how a release is recorded."""

import threading

import pytest

from domain.engine import StepFailed
from domain.models import (
    Ingredient,
    Package,
    Project,
    Release,
    Run,
    StageRun,
    StepRun,
    Workflow,
    db,
    new_id,
    write,
)
from domain.releases.releases import (
    NewPackage,
    artifacts_of,
    check_version,
    record_release,
    releases_of_run,
    resolve_references,
)

RUN, OTHER_RUN = new_id(), new_id()


@pytest.fixture
def catalog(database):
    """Two projects; `engine` and `hull` in the first, `oar` in the second."""
    for project, ingredients in {"demo": ["engine", "hull"], "elsewhere": ["oar"]}.items():
        Project.create(id=project, name=project, created_by="t")
        for name in ingredients:
            Ingredient.create(id=name, project=project, name=name, created_by="t")


@pytest.fixture
def steps(catalog):
    """Makes a step of a run that has built a release."""
    workflow = Workflow.create(
        project="demo",
        name="W",
        name_key="w",
        stage_count=1,
        step_count=1,
        created_by="t",
        updated_by="t",
    )
    stages = {}
    for number, run in enumerate([RUN, OTHER_RUN]):
        Run.create(
            id=run,
            workflow=workflow,
            project_id="demo",
            number=number,
            revision=1,
            trigger_source="t",
            triggered_by="t",
        )
        stages[run] = StageRun.create(run=run, position=0, order=1, name="S", run_if="success")

    def add(run: str, release_id: str | None) -> None:
        StepRun.create(
            run=run,
            stage=stages[run],
            position=StepRun.select().count(),
            name="s",
            type="Build",
            queue="default",
            timeout_seconds=1,
            release_id=release_id,
        )

    return add


def record(ingredient: str = "engine", version: str | None = None, *paths: str) -> str:
    packages = [NewPackage(path, 3, "ab" * 32) for path in paths or ("engine.zip",)]
    with write():
        return record_release(
            ingredient_id=ingredient,
            version=version,
            packages=packages,
            run_id=RUN,
            step_run_id=new_id(),
            created_by="tester",
        )


def versions(releases) -> list[str]:
    return [f"{release.ingredient_id}@{release.version}" for release in releases]


# ---- recording -------------------------------------------------------------------------------


def test_a_release_keeps_its_packages_and_where_it_comes_from(catalog):
    release = Release.get_by_id(record("engine", "1.0", "b/c.txt", "a.zip"))
    assert (release.version, release.run_id, release.created_by) == ("1.0", RUN, "tester")
    packages = Package.select().where(Package.release == release).order_by(Package.path)
    assert [(p.path, p.size, p.sha256) for p in packages] == [
        ("a.zip", 3, "ab" * 32),
        ("b/c.txt", 3, "ab" * 32),
    ]


def test_a_release_may_have_hundreds_of_packages(catalog):
    record("engine", "1.0", *(f"{n}.txt" for n in range(350)))
    assert Package.select().count() == 350


def test_without_a_version_releases_are_numbered(catalog):
    record()
    record()
    record("hull")
    assert versions(Release.select().order_by(Release.id)) == ["engine@1", "engine@2", "hull@1"]


def test_a_number_that_is_taken_is_passed_over(catalog):
    record("engine", "1")
    record("engine", "2")
    record()
    record()
    assert {release.version for release in Release.select()} == {"1", "2", "3", "4"}


def test_a_version_that_the_ingredient_has_is_refused_and_nothing_is_kept(catalog):
    record("engine", "1.0")
    with pytest.raises(StepFailed, match=r"engine already has a release 1\.0"):
        record("engine", "1.0", "other.zip")
    assert Package.select().count() == 1
    record("hull", "1.0")


def test_an_ingredient_that_is_gone_is_named(catalog):
    with pytest.raises(StepFailed, match="The ingredient mast was deleted"):
        record("mast")


def test_two_steps_that_release_at_once_get_different_numbers(catalog):
    def release() -> None:
        with db.obj.connection_context():
            for _ in range(5):
                record()

    threads = [threading.Thread(target=release) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(int(release.version) for release in Release.select())
    assert found == list(range(1, 16))


@pytest.mark.parametrize("text", ["1", "1.0", "2026.11.23+abc", "v1.0~rc1", "1!2.0", "_x", "a-b"])
def test_versions_that_programs_use_are_taken(text):
    assert check_version(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".a",
        "-x",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "a:b",
        "1@2",
        "é",
        "a" * 201,
        "latest",
    ],
)
def test_what_could_be_mistaken_for_something_else_is_no_version(text):
    with pytest.raises(StepFailed, match="is not a valid version"):
        check_version(text)


# ---- references ------------------------------------------------------------------------------


def test_no_reference_means_what_the_run_has_built_so_far(steps):
    steps(RUN, None)
    steps(RUN, record("hull", "1.0"))
    steps(RUN, record("engine", "1.0"))
    steps(OTHER_RUN, record("engine", "2.0"))
    assert versions(resolve_references([], RUN, "demo")) == ["hull@1.0", "engine@1.0"]
    assert versions(releases_of_run(OTHER_RUN)) == ["engine@2.0"]


def test_a_release_that_was_handed_to_the_run_counts_as_built_by_it(steps):
    steps(OTHER_RUN, record("engine", "1.0"))
    assert versions(releases_of_run(OTHER_RUN)) == ["engine@1.0"]


def test_a_release_of_another_project_is_none_that_the_run_has_built(steps):
    """What a step has built is not signed: whoever can write the database can name anything."""
    steps(RUN, record("oar", "1.0"))
    steps(RUN, record("engine", "1.0"))
    assert versions(releases_of_run(RUN)) == ["engine@1.0"]
    assert versions(resolve_references([], RUN, "demo")) == ["engine@1.0"]
    with pytest.raises(StepFailed, match="This run has built no release oar@run"):
        resolve_references(["oar@run"], RUN, "demo")


def test_what_a_run_has_built_is_of_the_project_that_was_signed(steps):
    """And not of the one that its row names by now."""
    steps(RUN, record("oar", "1.0"))
    with write():
        Run.update(project_id="elsewhere").execute()
    assert versions(releases_of_run(RUN)) == ["oar@1.0"]
    assert resolve_references([], RUN, "demo") == []


def test_each_form_of_reference_finds_its_release(steps):
    first = record("engine", "1.0")
    steps(RUN, record("engine", "1.1"))
    record("engine", "0.9")

    def resolve(text: str) -> list[str]:
        return versions(resolve_references([text], RUN, "demo"))

    assert resolve(first) == ["engine@1.0"]
    assert resolve("engine@1.0") == ["engine@1.0"]
    assert resolve("engine@run") == ["engine@1.1"]
    assert resolve("engine@latest") == ["engine@0.9"]


def test_references_keep_their_order_and_name_a_release_once(catalog):
    release = record("engine", "1.0")
    record("hull", "3")
    references = ["hull@latest", "engine@1.0", release, "hull@3"]
    assert versions(resolve_references(references, RUN, "demo")) == ["hull@3", "engine@1.0"]


@pytest.mark.parametrize("reference", ["engine@9.9", "mast@1.0", "engine@latest", "0" * 24])
def test_a_reference_to_nothing_is_named(catalog, reference):
    with pytest.raises(StepFailed, match=f"This project has no release {reference}"):
        resolve_references([reference], RUN, "demo")


def test_what_this_run_did_not_build_is_said(steps):
    steps(OTHER_RUN, record("engine", "1.0"))
    with pytest.raises(StepFailed, match="This run has built no release engine@run"):
        resolve_references(["engine@run"], RUN, "demo")


@pytest.mark.parametrize("form", ["id", "oar@1.0", "oar@latest"])
def test_releases_of_another_project_are_not_found(catalog, form):
    release = record("oar", "1.0")
    with pytest.raises(StepFailed, match="This project has no release"):
        resolve_references([release if form == "id" else form], RUN, "demo")


def test_the_packages_of_releases_are_artifacts(catalog):
    releases = [Release.get_by_id(record("engine", "1.0", "b.zip", "a.zip"))]
    assert [str(found) for found in artifacts_of(releases)] == [
        "engine@1.0:a.zip",
        "engine@1.0:b.zip",
    ]
    assert artifacts_of([]) == []

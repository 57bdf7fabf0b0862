"""What is told of two runs."""

import pytest

from domain.comparison.rules import (
    ReleaseFacts,
    ReleasePair,
    StepFacts,
    StepPair,
    changed_members,
    compare_tests,
    notable_pairs,
    pair_releases,
    pair_steps,
    surroundings,
)

SECOND = 1_000


def step(name: str, status: str = "Succeeded", ms: int | None = SECOND, **more: bool) -> StepFacts:
    return StepFacts(f"id of {name}", "Test", name, "Test", status, ms, **more)


def test_members_are_added_changed_and_removed() -> None:
    before = {"same": 1, "gone": None, "other": "a"}
    after = {"new": [1], "same": 1, "other": "b"}
    found = [(m.kind, m.name, m.before, m.after) for m in changed_members(before, after)]
    assert found == [
        ("added", "new", None, [1]),
        ("changed", "other", "a", "b"),
        ("removed", "gone", None, None),
    ]


def test_one_is_not_true() -> None:
    assert changed_members({"a": 1}, {"a": True})


def test_suites_and_environments_are_told_where_both_runs_used_them() -> None:
    unit = {"suite": "unit", "script": "make", "timeoutSeconds": None, "releaseIds": []}
    live = {"target": "live", "environmentId": "a", "driver": "directory", "artifactPath": "*"}
    before = [{"ingredientId": "duck", "script": "a"}, unit, {**live, "settings": {"keep": 3}}]
    after = [
        {"ingredientId": "duck", "script": "b"},  # the definition says it
        {**unit, "script": "make -k"},
        {**unit, "script": "make -k"},
        {**live, "settings": {"keep": 3, "path": "/srv"}, "environmentId": "b"},
        {**unit, "suite": "smoke"},
    ]
    found = [(d.where, d.field, d.before, d.after) for d in surroundings(before, after)]
    assert found == [
        (("Suite", "unit"), "script", "make", "make -k"),
        (("Environment", "live"), "settings.path", None, "/srv"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "has_moved"),
    [
        (10 * SECOND, 20 * SECOND, True),
        (20 * SECOND, 10 * SECOND, True),
        (200, 900, False),  # less than a second
        (100 * SECOND, 110 * SECOND, False),  # less than a fifth
        (100 * SECOND, 125 * SECOND, True),
        (0, 1 * SECOND, True),
        (None, 100 * SECOND, False),
    ],
)
def test_a_step_has_moved_by_a_second_and_a_fifth(
    before: int | None, after: int, has_moved: bool
) -> None:
    pair = StepPair(step("a", ms=before), step("a", ms=after))
    assert pair.has_moved is has_moved


def test_times_of_kept_steps_and_of_other_ends_do_not_compare() -> None:
    slow = 100 * SECOND
    assert not StepPair(step("a"), step("a", ms=slow, is_reused=True)).has_moved
    assert not StepPair(step("a"), step("a", "Failed", slow)).has_moved
    assert StepPair(step("a", "Failed"), step("a", "Failed", slow)).has_moved


def test_what_ends_otherwise_comes_first_then_the_biggest_movers() -> None:
    before = [step("a"), step("b"), step("c", "Succeeded"), step("d"), step("gone")]
    after = [
        step("a", ms=5 * SECOND),
        step("new"),
        step("b", ms=60 * SECOND),
        step("c", "Failed"),
        step("d"),
    ]
    pairs = pair_steps(before, after)
    assert [pair.any.name for pair in notable_pairs(pairs)] == ["new", "c", "gone", "b", "a"]
    assert [pair.any.name for pair in pairs if pair.broke] == ["c"]
    assert len(pairs) == 6


def results(**tests: str) -> list[tuple[tuple[str, str, str], str]]:
    return [(("unit", "", name), result) for name, result in tests.items()]


def test_tests_fail_pass_come_and_go() -> None:
    before = results(a="Pass", b="Fail", c="Fail", d="Pass", e="Skip", f="Error", g="Pass")
    after = results(
        a="Fail", b="Pass", c="Error", e="Error", f="Skip", g="Skip", h="Pass", i="Fail"
    )
    found = compare_tests(before, after)
    assert [test.name for test in found.failing] == ["a", "e"]
    assert [test.name for test in found.passing] == ["b"]
    assert [test.name for test in found.new] == ["i", "h"]
    assert [test.name for test in found.gone] == ["d"]
    assert found


def test_of_tests_with_one_name_the_worst_result_counts() -> None:
    twice = [*results(a="Fail"), *results(a="Pass")]
    assert [test.after for test in compare_tests(results(a="Pass"), twice).failing] == ["Fail"]
    assert not compare_tests(twice, twice)


def test_tests_of_a_step_that_ran_in_one_run_only_are_not_told() -> None:
    other = [(("smoke", "", "x"), "Fail")]
    assert not compare_tests(results(a="Pass"), [*results(a="Pass"), *other])
    assert not compare_tests([*results(a="Pass"), *other], results(a="Pass"))


def release(version: str, made_by: str = "", **files: str) -> ReleaseFacts:
    return ReleaseFacts(f"id of {version}", "duck", version, made_by, files)


def test_releases_are_paired_by_ingredient_and_by_the_step_that_made_them() -> None:
    old, new = (
        release("1", "wheel", a="x", b="y", c="z"),
        release("2", "wheel", a="x", b="w", d="v"),
    )
    tested, doc = release("0.9"), release("3", "docs", a="x")
    pairs = pair_releases([old, tested, doc], [new, tested])
    assert pairs == [ReleasePair(old, new), ReleasePair(tested, tested), ReleasePair(doc, None)]
    changed, same, gone = pairs
    assert [(file.kind, file.name) for file in changed.files] == [
        ("changed", "b"),
        ("added", "d"),
        ("removed", "c"),
    ]
    assert changed.same_files == 1
    assert same.is_same
    assert not changed.is_same
    assert ReleasePair(release("1", a="x"), release("2", a="x")).is_same
    assert not gone.files


def test_where_not_all_tests_are_known_none_is_called_new_or_gone() -> None:
    before, after = results(a="Pass", b="Pass"), results(a="Fail", c="Pass")
    (step_name,) = {key[0] for key, _ in before}
    found = compare_tests(before, after, {step_name})
    assert [test.name for test in found.failing] == ["a"]
    assert (found.new, found.gone) == ([], [])

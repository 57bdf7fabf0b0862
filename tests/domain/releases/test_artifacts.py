"""Which package an artifact path means."""

import pytest

from domain.releases.artifacts import Artifact, NoSingleMatch, choose, matches


def artifact(path: str, version: str = "1.0") -> Artifact:
    return Artifact(f"release-{version}", "engine", version, path, 10, "0" * 64)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("engine.zip", "engine.zip", True),
        ("engine.zip", "dist/engine.zip", False),
        ("./engine.zip", "engine.zip", True),
        ("*.zip", "engine.zip", True),
        ("*.zip", "dist/engine.zip", False),
        ("dist/*.zip", "dist/engine.zip", True),
        ("dist/*.zip", "dist/old/engine.zip", False),
        ("**/*.zip", "engine.zip", True),
        ("**/*.zip", "a/b/c/engine.zip", True),
        ("dist/**/e*", "dist/a/b/engine.zip", True),
        ("dist/**", "dist/a/b/engine.zip", True),
        ("dist/**", "other/engine.zip", False),
        ("engine-?.[0-9].whl", "engine-1.2.whl", True),
        ("engine-?.[!0-9].whl", "engine-1.2.whl", False),
        ("ENGINE.zip", "engine.zip", False),
        ("dist", "dist/engine.zip", False),
    ],
)
def test_a_glob_fits_whole_paths_by_folders(pattern, path, fits):
    assert matches(path, pattern) is fits


def test_a_glob_of_many_stars_is_answered_at_once():
    assert not matches("a/" * 400 + "a" * 200, "**/" * 300 + "*a" * 100 + "b")


def test_the_one_package_that_fits_is_chosen():
    wheel = artifact("dist/engine.whl")
    assert choose("dist/*.whl", [artifact("notes.txt"), wheel]) == wheel


def test_a_path_that_is_there_counts_before_what_it_would_fit_as_a_glob():
    literal = artifact("engine[1].zip")
    assert choose("engine[1].zip", [artifact("engine1.zip"), literal]) == literal


def test_no_match_names_the_candidates():
    with pytest.raises(NoSingleMatch) as failure:
        choose("*.whl", [artifact("a.zip"), artifact("b.zip", "2.0")])
    assert str(failure.value) == (
        "No package matches '*.whl'. Available: engine@1.0:a.zip, engine@2.0:b.zip."
    )


def test_several_matches_name_the_candidates():
    with pytest.raises(NoSingleMatch) as failure:
        choose("*.zip", [artifact("a.zip"), artifact("a.zip", "2.0"), artifact("c.whl")])
    assert "2 packages match '*.zip': engine@1.0:a.zip, engine@2.0:a.zip." in str(failure.value)


def test_a_long_list_of_candidates_is_cut():
    with pytest.raises(NoSingleMatch, match=r"engine@1\.0:9\.zip and 15 more\.$"):
        choose("x", [artifact(f"{n}.zip") for n in range(25)])


def test_a_run_without_releases_has_nothing_to_deploy():
    with pytest.raises(NoSingleMatch, match="has built no release yet"):
        choose("*", [])

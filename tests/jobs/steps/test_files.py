"""Reading folders of scripts, and messages about names that hold a secret."""

from pathlib import Path

import pytest

from domain.engine import StepFailed
from jobs.scripts.masking import Masker
from jobs.steps.files import MAX_SHOWN, files_in

SECRET = "hunter2-hörse"


def mask(text: str) -> str:
    masked = Masker([SECRET]).mask(text.encode("utf-8", "surrogatepass"))
    return masked.decode("utf-8", "surrogatepass")


def message(root: Path, path: str, **options) -> str:
    """Return the reason to refuse a folder with this file."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with pytest.raises(StepFailed) as failed:
        list(files_in(root, "$OUT", **options))
    return str(failed.value)


LONG = "/".join(["x" * 200] * 5)


@pytest.mark.parametrize("shift", range(len(SECRET)))
def test_a_path_is_masked_before_it_is_cut(tmp_path, shift):
    start = "/".join(["y" * 200, "y" * (MAX_SHOWN - 201 - shift)])
    told = message(tmp_path, f"{start}{SECRET}/{LONG}", mask=mask)
    shown = f"{start}***/{LONG}"[:MAX_SHOWN]
    assert told == f"$OUT/{shown}… has a path of more than 1000 characters."


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{SECRET}\t", r"***\t"),
        (f"{SECRET}\\", r"***\\"),
        (f"\udcff{SECRET}", r"\udcff***"),
    ],
)
def test_a_path_is_masked_before_it_is_escaped(tmp_path, path, shown):
    assert message(tmp_path, path, mask=mask).endswith(f"or is not UTF-8: {shown}.")


def test_a_secret_that_is_a_folder_and_a_file_is_masked_as_well(tmp_path):
    told = message(tmp_path, "new\tpw/word", mask=lambda text: text.replace("pw/word", "***"))
    assert told.endswith(r"new\t***.")


def test_a_link_is_named_without_its_secret(tmp_path):
    (tmp_path / SECRET).symlink_to("/")
    with pytest.raises(StepFailed) as failed:
        list(files_in(tmp_path, "$OUT", mask=mask))
    assert str(failed.value).startswith("$OUT/*** is a link")


@pytest.mark.parametrize("path", [f"{LONG}/{SECRET}", f"{SECRET}\t", f"a\\{SECRET}"])
def test_without_a_mask_a_path_that_could_not_be_masked_later_is_hidden(tmp_path, path):
    told = message(tmp_path, path)
    assert "…" in told
    assert not any(part in told for part in ("hunt", "x", "a\\"))


def test_without_a_mask_a_plain_path_is_shown(tmp_path):
    (tmp_path / SECRET).symlink_to("/")
    with pytest.raises(StepFailed) as failed:
        list(files_in(tmp_path, "$OUT"))
    assert str(failed.value).startswith(f"$OUT/{SECRET} is a link")

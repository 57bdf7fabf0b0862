"""The documents are complete: settings, commands, codes, dependencies, rooms, and glossary."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli import galley
from domain import error_codes

ROOT = Path(__file__).parent.parent
OPERATING = (ROOT / "docs/operating.md").read_text()
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]
ENVIRONMENT = re.compile(
    r'(?<!request\.)environ(?:\.get|\.pop)?[(\[]"([A-Z_]+)"|"(GALLEY_[A-Z_]*[A-Z])"'
)
"""A variable of the environment where the code reads it."""
NOT_OURS = {"CI", "COLUMNS", "HOME", "LINES", "NO_COLOR", "PATH", "TERM", "TMPDIR"}
FOR_SCRIPTS = (ROOT / "jobs/steps", ROOT / "jobs/scripts")
"""They set variables for scripts; /api/docs shows these under "Script environment"."""
FLASKS = {"routes", "shell"}


def product() -> Iterator[Path]:
    """Every Python file of the product."""
    yield from (ROOT / "app.py", ROOT / "cli.py")
    for package in ("blueprints", "client", "commands", "domain", "jobs"):
        yield from (ROOT / package).rglob("*.py")


def settings_read() -> set[str]:
    """The variables that the settings and the command line read."""
    files = [file for file in product() if not any(file.is_relative_to(p) for p in FOR_SCRIPTS)]
    found = (match for file in files for match in ENVIRONMENT.findall(file.read_text()))
    return {name for pair in found for name in pair if name} - NOT_OURS


def test_the_settings_are_found() -> None:
    assert {"GALLEY_PORT", "DATABASE_URL", "REDIS_URL", "GALLEY_TOKEN"} <= settings_read()


def test_every_setting_is_documented_with_its_meaning() -> None:
    rows = [line for line in (README + OPERATING).splitlines() if line.startswith("|")]
    in_a_table = set(re.findall(r"`([A-Z_]+)`", "\n".join(row.split("|")[1] for row in rows)))
    assert settings_read() - in_a_table == set()


def test_no_setting_is_documented_that_nothing_reads() -> None:
    code = "\n".join(file.read_text() for file in product())
    named = set(re.findall(r"\bGALLEY_[A-Z_]+[A-Z]\b", README + OPERATING))
    assert {name for name in named if name not in code} == set()


def commands(group: click.Group, path: str = "") -> Iterator[str]:
    """The full name of every command of ours, such as `token create`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        elif path or name not in FLASKS:
            yield f"{path}{name}"


@pytest.mark.parametrize("command", list(commands(galley)))
def test_every_command_is_documented(command: str) -> None:
    text = README + OPERATING
    parent, _, last = command.rpartition(" ")
    lines = [line for line in text.splitlines() if f"galley {parent or last}" in line]
    named = f"galley {command}" in text or any(f"`{last}`" in line for line in lines)
    assert named, f"neither README.md nor docs/operating.md has `galley {command}`"


def codes() -> dict[str, str]:
    """Every code with its meaning, of all the lists."""
    lists = [value for name, value in vars(error_codes).items() if name.isupper()]
    return {code: meaning for codes in lists for code, meaning in codes.items()}


def test_every_code_has_a_sentence_for_the_api_reference() -> None:
    # tests/blueprints/openapi compare the page with the lists.
    assert [
        code for code, meaning in codes().items() if not re.fullmatch("[A-Z].+\\.", meaning)
    ] == []
    assert "`/api/docs#codes`" in (ROOT / "docs/api.md").read_text()


def test_the_documents_use_only_codes_that_exist() -> None:
    raised = set(re.findall(r"(?:40\d|41\d|42\d|50\d) `([a-z_]+)`", OPERATING + README))
    raised |= set(re.findall(r"the reason `([a-z_]+)`", OPERATING))
    assert raised
    assert raised - codes().keys() == set()


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    return {re.match(r"[\w-]+", line)[0] for line in named}


def test_every_dependency_has_its_reason() -> None:
    section = ARCHITECTURE.partition("## Dependencies")[2]
    cells = [row.split("|") for row in section.splitlines() if row.startswith("|")]
    reasons = {name.strip(): row[2].strip() for row in cells for name in row[1].split(",")}
    del reasons["package"], reasons["---"]
    assert reasons.keys() == dependencies()
    assert all(reasons.values())


def test_every_browser_file_has_its_reason() -> None:
    named = (ROOT / "package.json").read_text().partition('"dependencies"')[2]
    missing = [name for name in re.findall(r'"([\w.]+)": "', named) if name not in ARCHITECTURE]
    assert missing == []


def rooms() -> Iterator[str]:
    for package in ("domain", "blueprints", "jobs"):
        for file in (ROOT / package).glob("*/__init__.py"):
            yield f"{package}/{file.parent.name}"


@pytest.mark.parametrize("room", sorted(rooms()))
def test_every_room_is_in_the_tables_of_architecture(room: str) -> None:
    package, _, name = room.partition("/")
    table = ARCHITECTURE.partition(f"The rooms of `{package}/`")[2].partition("\n\n")[2]
    first_cells = [row.split("|")[1] for row in table.partition("\n\n")[0].splitlines()]
    assert any(f"`{name}`" in cell for cell in first_cells)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_documents_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_the_ci_workflow_calls_the_command_that_everybody_can_run() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "bash .ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()


def targets() -> Iterator[tuple[str, str]]:
    """Every module or file of the product that a document names in backticks."""
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        for name in re.findall(r"`([\w./]+)`", page.read_text()):
            if re.match(r"(domain|blueprints|jobs|tests|templates|tools|static)[./]\w", name):
                yield page.name, name


def test_modules_and_files_that_the_documents_name_exist() -> None:
    missing = {(page, name) for page, name in targets() if not exists(name)}
    assert missing == set()


def exists(name: str) -> bool:
    """Whether a path, or a dotted name of a module or of something in it, exists."""
    if (ROOT / name).exists():
        return True
    path = name.replace(".", "/")
    if any((ROOT / f"{path}{suffix}").exists() for suffix in (".py", "")):
        return True
    module, _, member = path.rpartition("/")
    file = ROOT / f"{module}.py"
    return file.exists() and re.search(rf"\b{member}\b", file.read_text()) is not None


def glossary() -> list[str]:
    section = CONTRIBUTING.partition("## Glossary")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| ")]
    return [row[1].strip() for row in rows][2:]


def test_the_glossary_is_sorted_and_names_each_term_once() -> None:
    terms = glossary()
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms) > 50

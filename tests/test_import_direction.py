"""The arrows of ARCHITECTURE.md: who may import whom, in the text and in a running interpreter."""

import ast
import graphlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Room → the rooms that it may import, besides itself. A room is a folder, or a single module with
# rules of its own. A file in a folder that is no room fails, and so does an import to the right.
HALL = "domain"
BASE = f"{HALL} domain.validation domain.models"
RECORDS = (
    f"{BASE} domain.accounts domain.definitions domain.workflows domain.logs domain.test_results"
)
DELIVERY = f"{RECORDS} domain.projects domain.releases"
ENGINE = f"{DELIVERY} domain.system domain.engine"
DOMAIN = f"{ENGINE} domain.migrations domain.comparison domain.editor domain.runs"
WIRE = "blueprints.requests blueprints.responses"
PAGES = f"{DOMAIN} {WIRE} blueprints.shared"
STEPS = f"{DOMAIN} jobs.shared jobs.scripts"
WORKER = f"{STEPS} jobs.queue jobs.steps"

ROOMS: dict[str, str] = {
    HALL: "",
    "domain.validation": HALL,
    "domain.models": HALL,
    "domain.accounts": BASE,
    "domain.migrations": BASE,
    "domain.definitions": BASE,
    "domain.workflows": f"{BASE} domain.accounts domain.definitions",
    "domain.logs": f"{BASE} domain.accounts",
    "domain.test_results": f"{BASE} domain.accounts",
    "domain.system": f"{BASE} domain.migrations",
    "domain.projects": RECORDS,
    "domain.releases": RECORDS,
    "domain.engine": f"{BASE} domain.accounts domain.releases",
    "domain.comparison": DELIVERY,
    "domain.editor": DELIVERY,
    "domain.runs": ENGINE,
    "jobs.queue": f"{BASE} domain.engine",
    "jobs": ENGINE,
    "jobs.shared": BASE,
    "jobs.scripts": f"{RECORDS} domain.projects jobs.shared",
    "jobs.steps": STEPS,
    "jobs.worker": WORKER,
    "jobs.reconciler": WORKER,
    "jobs.setup": f"{DOMAIN} jobs.shared",
    "jobs.doctor": f"{WORKER} jobs.worker jobs.reconciler jobs.setup",
    "blueprints.requests": DOMAIN,
    "blueprints.responses": f"{DOMAIN} blueprints.requests",
    "blueprints.shared": f"{DOMAIN} {WIRE} jobs.queue",
    "blueprints.accounts": PAGES,
    "blueprints.catalog": PAGES,
    "blueprints.projects": PAGES,
    "blueprints.runs": PAGES,
    "blueprints.system": PAGES,
    "blueprints.workflows": PAGES,
    "blueprints.editor": f"{PAGES} blueprints.projects",
    "blueprints.api": PAGES,
    "blueprints.openapi": f"{PAGES} blueprints.api",
}
SERVER = " ".join(ROOMS)
ROOMS |= {
    "app": SERVER,
    "client": "",
    "commands": f"{SERVER} client",
    "cli": f"{SERVER} app client commands",
}
PART_OF = {"jobs.doctor.checks": "jobs.doctor"}
ONLY_ROOMS = {"blueprints"}
"""Folders that hold rooms and no files of their own."""
MAX_FILES = 15
MAX_LINES = 300
TABLES = {"domain.migrations.0001_initial"}
"""Modules that are data, however long."""
WEB = {"flask", "flask_login", "flask_wtf", "jinja2"}
QUEUE = {"redis", "rq"}
MAY_NOT_IMPORT: dict[str, set[str]] = {
    "domain": WEB | QUEUE | {"click"},
    "jobs": WEB | {"click", "pydantic", "werkzeug"},
    "jobs.queue": WEB | {"click", "pydantic", "werkzeug"},
    "blueprints": QUEUE | {"click"},
    "app": QUEUE | {"click"},
    "client": WEB | QUEUE | {"click", "pydantic", "werkzeug"},
    "commands": WEB | QUEUE,
    "cli": QUEUE,
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    files = [ROOT / "app.py", ROOT / "cli.py"]
    for package in ("blueprints", "client", "commands", "domain", "jobs"):
        files += (ROOT / package).rglob("*.py")
    return {dotted(file): file for file in sorted(files)}


def dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str | None:
    """Return the room of a module of ours; None if it lies in none."""
    folder = module if is_package(module) else module.rpartition(".")[0] or module
    place = module if module in ROOMS else PART_OF.get(folder, folder)
    return place if place in ROOMS or module in ONLY_ROOMS else None


def is_package(module: str) -> bool:
    return modules()[module].name == "__init__.py"


def owner(module: str, table: dict[str, set[str]]) -> set[str]:
    """Return the entry of the longest name that begins the module's."""
    fitting = [name for name in table if f"{module}.".startswith(f"{name}.")]
    return table[max(fitting, key=len)]


@cache
def imports(module: str) -> frozenset[str]:
    """The names that the module imports anywhere in its text, inside functions as well."""
    tree = ast.parse(modules()[module].read_text())
    return frozenset(name for node in ast.walk(tree) for name in imported_by(node, module))


def imported_by(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, module)
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            yield submodule if submodule in modules() else base


def absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    above = module.split(".")
    above = above[: len(above) - node.level + is_package(module)]
    return ".".join(above + ([node.module] if node.module else []))


def test_every_file_lies_in_a_room() -> None:
    assert [module for module in modules() if room(module) is None] == []


def test_every_import_follows_the_arrows() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module) & modules().keys()
        if room(name) not in {room(module), *ROOMS.get(room(module) or "", "").split()}
    ]
    assert wrong == []


def test_rooms_form_no_circle() -> None:
    graph = {name: set(others.split()) for name, others in ROOMS.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_no_folder_is_crowded_and_no_module_is_long() -> None:
    folders = Counter(path.parent for path in modules().values())
    assert {str(path): count for path, count in folders.items() if count > MAX_FILES} == {}
    lengths = {name: path.read_text().count("\n") for name, path in modules().items()}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES and name not in TABLES} == {}


def test_every_package_says_what_lives_there() -> None:
    silent = [name for name in modules() if is_package(name) and not docstring(name)]
    assert silent == []


def docstring(module: str) -> str | None:
    return ast.get_docstring(ast.parse(modules()[module].read_text()))


def test_no_layer_imports_a_library_that_is_not_its_own() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if name.partition(".")[0] in owner(module, MAY_NOT_IMPORT)
    ]
    assert wrong == []


def test_imports_form_no_circle() -> None:
    graph = {module: imports(module) & modules().keys() for module in modules()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def loaded_with(*names: str) -> set[str]:
    """Everything that a fresh interpreter has loaded once it has imported these modules."""
    program = (
        "import importlib, json, sys; before = set(sys.modules); "
        "[importlib.import_module(name) for name in sys.argv[1:]]; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


def below(package: str) -> list[str]:
    return [name for name in modules() if f"{name}.".startswith(f"{package}.")]


def among(loaded: set[str], roots: set[str]) -> set[str]:
    """Those of the loaded modules that are one of `roots` or lie in it."""
    return {name for name in loaded for root in roots if f"{name}.".startswith(f"{root}.")}


def test_the_domain_runs_without_web_queue_and_callers() -> None:
    forbidden = WEB | QUEUE | {"jobs", "blueprints", "app", "cli"}
    assert among(loaded_with(*below("domain")), forbidden) == set()


@pytest.mark.parametrize("module", ["jobs.worker.worker", "jobs.reconciler.reconciler"])
def test_what_runs_beside_the_web_server_stays_light(module: str) -> None:
    forbidden = WEB | {"pydantic", "werkzeug", "blueprints", "app", "cli"}
    assert among(loaded_with(module), forbidden) == set()


def test_the_web_side_never_loads_what_runs_steps() -> None:
    of_jobs = among(loaded_with("app", *below("blueprints")), {"jobs"})
    assert of_jobs <= {"jobs", "jobs.queue"}


def test_the_program_starts_without_what_only_some_commands_need() -> None:
    heavy = {"flask", "werkzeug", "blueprints", "app", "pydantic", "peewee", "httpx", "rich"}
    assert among(loaded_with("cli"), heavy) == set()


def test_what_works_on_a_distant_server_loads_nothing_of_one() -> None:
    of_server = WEB | QUEUE | {"blueprints", "app", "pydantic", "peewee", "jobs", "domain"}
    loaded = loaded_with(*below("client"), "commands.runs", "commands.plain", "commands.workflows")
    assert among(loaded, of_server | {"rich"}) == set()


def test_the_supervisor_loads_nothing_but_the_standard_library() -> None:
    modules = {f"jobs.setup.{name}" for name in ("supervisor", "data_lock", "redis_server")}
    own = among(loaded := loaded_with(*modules), {"jobs"})
    assert {name.partition(".")[0] for name in loaded - own} <= sys.stdlib_module_names
    assert own == modules | {"jobs", "jobs.setup", "jobs.setup.signals"}

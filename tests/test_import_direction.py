"""The arrows of ARCHITECTURE.md: who may import whom, in the text and in a running interpreter."""

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module follows the longest name here that it begins with, and so do the modules it names.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": {"domain"},
    "jobs": {"jobs", "jobs.queue", "domain"},
    "jobs.queue": {"domain"},
    "blueprints": {"blueprints", "jobs.queue", "domain"},
    "app": {"blueprints", "jobs.queue", "domain"},
    "client": {"client"},
    "commands": {"commands", "client", "blueprints", "jobs", "jobs.queue", "domain"},
    "cli": {"app", "blueprints", "client", "commands", "jobs", "jobs.queue", "domain"},
}
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


def layer(module: str) -> str | None:
    fitting = [name for name in MAY_IMPORT if f"{module}.".startswith(f"{name}.")]
    return max(fitting, key=len, default=None)


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
    is_package = modules()[module].name == "__init__.py"
    above = module.split(".")
    above = above[: len(above) - node.level + is_package]
    return ".".join(above + ([node.module] if node.module else []))


def test_every_import_follows_the_arrows() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if (target := layer(name)) and target not in MAY_IMPORT[layer(module) or ""]
    ]
    assert wrong == []


def test_no_layer_imports_a_library_that_is_not_its_own() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if name.partition(".")[0] in MAY_NOT_IMPORT[layer(module) or ""]
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
    own = among(loaded := loaded_with("jobs.setup.supervisor", "jobs.setup.redis_server"), {"jobs"})
    assert {name.partition(".")[0] for name in loaded - own} <= sys.stdlib_module_names
    assert own - {"jobs", "jobs.setup"} == {
        "jobs.setup.supervisor",
        "jobs.setup.signals",
        "jobs.setup.redis_server",
    }

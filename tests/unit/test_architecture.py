"""The rules of the tree that no other tool checks: who may import whom, what is pure, what may be slow."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
PACKAGE = PLUGINS / "altinn"

RANKS = {
    "exceptions": 0,
    "protocol": 1,
    "periods": 1,
    "validation": 1.5,
    "issue_table": 1,
    "evidence_pdf": 1,
    "token_vault": 1,
    "installation": 1.5,
    "provider_info": 1,
    "text_templates": 1,
    "request_bodies": 1.5,
    "transport": 2,
    "token_store": 2,
    "documents": 2,
    "authorities": 2,
    "retries": 2,
    "timetables": 2,
    "deadlines": 2,
    "runs": 3,
    "filing_calendar": 3,
    "person_login": 2.5,
    "filing_ledger": 3,
    "checked_documents": 3,
    "doctor": 2.5,
    "evidence": 3,
    "hooks": 3,
    "links": 3,
    "triggers": 4,
    "operators": 5,
    "reminders": 5,
    "log_notifier": 5,
    "sensors": 5,
    "ui": 5.5,
    "plugin": 6,
    "taskgroups": 6,
    "commands": 6,
    "cli": 7,
    "airflow_commands": 8,
}
"""What stands higher may import what stands lower, never the other way round, and never its neighbours."""

ENGINES = {
    "altinn.validation.xsd_engine",
    "altinn.validation.xsd_messages",
    "altinn.validation.xsd_numbers",
    "altinn.validation.json_engine",
    "altinn.validation.lxml_engine",
}
"""The modules that are made of a slow library; whoever needs one imports it inside a function."""

HEAVY = {"xmlschema", "jsonschema", "lxml", "aiohttp", "authlib", "joserfc"}
IMPURE = {
    "airflow",
    "requests",
    "aiohttp",
    "urllib3",
    "httpx",
    "yarl",
    "asyncio",
    "threading",
    "multiprocessing",
    "subprocess",
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "os",
    "pathlib",
    "shutil",
    "tempfile",
    "logging",
}
CLOCKS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "random.random",
    "random.uniform",
    "uuid.uuid4",
    "uuid.uuid1",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "os.urandom",
}


def module_name(path: Path) -> str:
    base = PLUGINS if path.is_relative_to(PLUGINS) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of ours, by its name. The emulated apps' own folders hold data, not modules."""
    paths = [
        path
        for folder in (PLUGINS, ROOT / "dags")
        for path in folder.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "emulator" / "apps")
    ]
    return {module_name(path): ast.parse(path.read_text("utf-8"), str(path)) for path in paths}


def imports(tree: ast.AST, *, at_load: bool = False) -> Iterator[str]:
    """Names that a module imports.

    :param at_load: only those that importing the module itself brings along.
    """
    if at_load and isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if at_load and isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        assert tree.level == 0, f"relative import of {tree.module}"
        for alias in tree.names:
            full = f"{tree.module}.{alias.name}"
            yield full if full in modules() else str(tree.module)
    for child in ast.iter_child_nodes(tree):
        yield from imports(child, at_load=at_load)


def layer(name: str) -> str:
    return name.split(".")[1] if name.startswith("altinn.") else name


def within(name: str, names: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in names)


def test_every_part_of_the_package_has_its_place() -> None:
    parts = {layer(name) for name in modules() if name.startswith("altinn.")} - {"emulator"}
    assert parts <= set(RANKS), f"say in RANKS where these stand: {sorted(parts - set(RANKS))}"


def test_imports_go_downwards() -> None:
    wrong = []
    for name, tree in modules().items():
        own = layer(name)
        if own == "emulator" or not name.startswith("altinn."):
            continue
        for target in imports(tree):
            if target.startswith("altinn.") and layer(target) != own and RANKS[layer(target)] >= RANKS[own]:
                wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_the_emulator_and_the_client_share_nothing() -> None:
    """One mistake in shared code would hide in both."""
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        for target in imports(tree)
        if target.split(".")[0] == "altinn" and within(name, {"altinn.emulator"}) != within(target, {"altinn.emulator"})
    ]
    assert wrong == []


def test_nothing_imports_a_dag() -> None:
    assert [name for name, tree in modules().items() if any(within(t, {"dags"}) for t in imports(tree))] == []


PURE = sorted(name for name in modules() if within(name, {"altinn.protocol", "altinn.exceptions"}))


@pytest.mark.parametrize("name", PURE)
def test_the_protocol_does_no_input_and_no_output(name: str) -> None:
    allowed = {"jwt", "cryptography", "altinn.protocol", "altinn.exceptions", *sys.stdlib_module_names}
    wrong = [t for t in imports(modules()[name]) if within(t, IMPURE) or not within(t, allowed)]
    wrong += [
        f"open() in line {node.lineno}"
        for node in ast.walk(modules()[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert wrong == []


@pytest.mark.parametrize("name", PURE)
def test_the_protocol_takes_clock_and_chance_as_arguments(name: str) -> None:
    """A clock may be named as an argument's default; calling one would hide it from the tests."""
    tree = modules()[name]
    defaults = {
        node.func
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "new_uuid"
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    }
    calls = [
        f"{ast.unparse(node.func)} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.func not in defaults and ast.unparse(node.func) in CLOCKS
    ]
    assert calls == []


def at_load(name: str) -> set[str]:
    """Everything of ours and of others that importing a module brings along."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        parents = {current.rpartition(".")[0]} & set(modules())
        for target in {*imports(modules()[current], at_load=True), *parents} - found:
            found.add(target)
            if target in modules():
                waiting.append(target)
    return found


@pytest.mark.parametrize("name", sorted(set(modules()) - ENGINES))
def test_slow_libraries_are_imported_where_they_are_used(name: str) -> None:
    """Every DAG parse and every task would pay for them."""
    slow = sorted(target for target in at_load(name) if within(target, HEAVY) or target in ENGINES)
    assert slow == []


def test_the_engines_are_what_they_are_said_to_be() -> None:
    assert {name for name in ENGINES if any(within(t, HEAVY) for t in at_load(name))} == ENGINES


@pytest.mark.parametrize("name", [*PURE, "altinn.transport"])
def test_the_protocol_and_its_drivers_load_without_airflow(name: str) -> None:
    assert not [target for target in at_load(name) if within(target, {"airflow"})]


def test_the_fast_tests_load_without_airflow() -> None:
    wrong = []
    for path in (ROOT / "tests" / "unit").rglob("*.py"):
        for target in imports(ast.parse(path.read_text("utf-8"))):
            reached = {target, *(at_load(target) if target in modules() else ())}
            if any(within(one, {"airflow"}) for one in reached):
                wrong.append(f"{path.name} reaches Airflow by {target}")
    assert wrong == []


# -- files

KNOWN_TWINS = {"preflight"}
"""operators/preflight.py and validation/preflight.py: one of them wants another name."""


def test_file_stems_are_unique_and_hide_nothing() -> None:
    """Airflow's scan of a plugins folder loads files by their stems: one named like a library would replace it."""
    stems = defaultdict(list)
    for path in PLUGINS.rglob("*.py"):
        if path.stem != "__init__" and not path.is_relative_to(PACKAGE / "emulator" / "apps"):
            stems[path.stem].append(str(path.relative_to(PLUGINS)))
    twins = {stem: paths for stem, paths in stems.items() if len(paths) > 1 and stem not in KNOWN_TWINS}
    assert twins == {}
    assert sorted(set(stems) & (set(sys.stdlib_module_names) | {"altinn", "__main__", "airflow"})) == []


def test_airflows_scan_passes_the_package_by() -> None:
    assert "*" in (PACKAGE / ".airflowignore").read_text("utf-8").splitlines()
    assert sorted(path.name for path in PLUGINS.glob("*.py")) == ["altinn_plugin.py"]


@pytest.mark.parametrize("name", sorted(modules()))
def test_nothing_is_printed_or_asserted(name: str) -> None:
    wrong = [
        f"line {node.lineno}"
        for node in ast.walk(modules()[name])
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]
    assert wrong == []

"""The direction of imports, and what may not be loaded before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

CORE = [
    "audit.queries.documents", "audit.ingest", "audit.workspace.workspace", "audit.why", "audit.findings", "audit.rules.replay.simulation",
    "audit.queries.reports", "audit.queries.doctor",
]  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `statement`."""
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_screen_library(module: str) -> None:
    assert not loaded_by(f"import {module}") & {"textual", "typer", "tui"}


def test_help_and_version_load_no_heavy_library() -> None:
    heavy = {"polars", "sqlite_utils", "textual", "cryptography", "keyring", "msgspec"}
    assert not loaded_by("from tui.cli import run; run(['--help'])") & heavy
    assert not loaded_by("from tui.cli import run; run(['--version'])") & (heavy | {"typer", "rich"})


def test_the_screens_load_no_data_library_before_they_paint() -> None:
    assert not loaded_by("import tui.app") & {"polars", "sqlite_utils", "cryptography", "keyring"}


def test_the_layers_hold() -> None:
    done = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _modules() -> dict[str, Path]:
    return {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("audit", "tui", "fixtures")
        for path in Path(package).rglob("*.py")
    }


def _imported(module: str, path: Path, modules: Iterable[str]) -> set[str]:
    """The modules that `module` imports outside of functions, also those under `if TYPE_CHECKING`."""
    found: set[str] = set()
    statements = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while statements:
        match statements.pop():
            case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
                statements += [*body, *orelse]
            case ast.ImportFrom(module=str(origin), names=names):
                found |= {f"{origin}.{n.name}" if f"{origin}.{n.name}" in modules else origin for n in names}
            case ast.Import(names=names):
                found |= {n.name for n in names}
    return (found & set(modules)) - {module}


def _circles() -> list[set[str]]:
    """The largest sets of modules that import one another, directly or over others of the set."""
    modules = _modules()
    graph = {name: _imported(name, path, modules) for name, path in modules.items()}
    reached: dict[str, set[str]] = {}
    for name in graph:
        reached[name], ahead = set(), [name]
        while ahead:
            fresh = graph[ahead.pop()] - reached[name]
            reached[name] |= fresh
            ahead += fresh
    circles = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }
    return sorted(map(set, circles), key=sorted)


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert _circles() == []

"""The direction of imports, and what may not be loaded before it is needed."""

import subprocess
import sys

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
    heavy = {"polars", "sqlite_utils", "textual", "cryptography", "keyring"}
    assert not loaded_by("from tui.cli import run; run(['--help'])") & heavy
    assert not loaded_by("from tui.cli import run; run(['--version'])") & (heavy | {"typer", "rich"})


def test_the_screens_load_no_data_library_before_they_paint() -> None:
    assert not loaded_by("import tui.app") & {"polars", "sqlite_utils", "cryptography", "keyring"}


def test_the_layers_hold() -> None:
    done = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

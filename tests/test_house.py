"""The house stays readable: names that say something, rooms of a size one can take in, one place for each thing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("audit", "tui", "fixtures")

MOST_FILES = 366
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
MOST_ENTRIES_OF_THE_CORE = 16
MOST_VAGUE_NAMES = 0.04

VAGUE = frozenset(
    """
    one made found told asked given each rest known said kept this both whole other others own mine theirs ours these
    some every many first last named wanted shown listed read about behind left out way place where what why when how
    it them taken seen meant held such same thing things
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Words that say nothing of the value they name."""


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def bound_names(path: Path) -> Iterator[str]:
    """Every name that a file assigns, and every parameter."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


@pytest.mark.parametrize("package", ["audit", "tui"])
def test_names_say_what_their_value_is(package: str) -> None:
    names = [name for path in modules(package) for name in bound_names(path)]
    vague = [name for name in names if name in VAGUE]
    assert len(vague) < MOST_VAGUE_NAMES * len(names), f"{len(vague)} of {len(names)} names say nothing"


def test_the_core_has_few_rooms() -> None:
    entries = {path.relative_to(ROOT / "audit").parts[0] for path in modules("audit")}
    assert len(entries) <= MOST_ENTRIES_OF_THE_CORE, sorted(entries)


def test_the_house_has_no_more_files_than_one_can_know() -> None:
    assert len(modules(*PRODUCT)) <= MOST_FILES


@pytest.mark.parametrize("package", [*PRODUCT, "tests"])
def test_no_file_and_no_function_is_too_long_to_read(package: str) -> None:
    for path in modules(package):
        text = path.read_text(encoding="utf-8")
        if package != "tests":
            assert text.count("\n") <= MOST_LINES_OF_A_FILE, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                assert package == "tests" or length <= MOST_LINES_OF_A_FUNCTION, f"{path}: {node.name}"


def test_what_runs_as_a_program_stands_last_in_its_file() -> None:
    for path in (path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))):
        statements = ast.parse(path.read_text(encoding="utf-8")).body
        programs = [at for at, statement in enumerate(statements) if _is_program(statement)]
        assert programs in ([], [len(statements) - 1]), f"{path}: what stands below is not there when it runs"


def _is_program(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)

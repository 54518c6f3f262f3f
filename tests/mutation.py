"""How tests are tested: one comparison of the product is changed at a time, and some test must fail.

    nice python -m tests.mutation [--sample N] [--seed N] [PATH ...]

Prints each change that no test noticed, as `file:line column: change`, and the share that was noticed ("killed").
Changed are `<` and `<=`, `>` and `>=`, `==` and `!=`, `in` and `not in`, `is` and `is not`, each into the other, and
of polars `is_in` (negated), `is_between` (one end open), `is_null` and `eq_missing` (into their opposites).

A process that has imported what is slow to import forks once a mutant, so that one costs its tests and no start-up
(3.7 s of processor time otherwise, which is why no mutation tool is used). The file on the disk stays as it is. The
tests must pass before.
"""

import argparse
import ast
import gc
import importlib
import os
import random
import resource
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

import pytest
from hypothesis import settings, strategies  # noqa: F401 - imported once, for all children

PATHS = tuple(
    Path("audit") / name
    for name in ("findings", "findings/checks/declared_rules.py", "privacy", "population/coverage.py")
)
IMPORTED = (
    "cryptography.hazmat.primitives.ciphers.aead",
    "scipy.sparse",
    "audit.findings",
    "audit.ingest",
    "tests.build",
)
"""What most tests import."""

CPU_SECONDS = 300
"""A mutant that takes so long runs for ever: killed."""

EXAMPLES = 25
"""So many of each property."""

FAULT = 70
"""What a child answers that could not make its change."""

SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_PAIRS = ((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.In, ast.NotIn), (ast.Is, ast.IsNot))
SWAPPED = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
OPPOSITES = {
    "is_null": "is_not_null", "is_not_null": "is_null", "eq_missing": "ne_missing", "ne_missing": "eq_missing",
}  # fmt: skip

FINDINGS, WHY = "tests/audit/findings/", "tests/audit/why/"
BESIDE = f"{FINDINGS}test_excluded_events.py"
SLOW = "not every_day_named and not everything_is_decided_as_before"
"""Tests over whole populations, twenty seconds each, are not asked."""

ROOM = tuple(
    f"{FINDINGS}test_{name}.py"
    for name in (
        "catalogue", "triage", "other_checks", "carts", "shared_account", "unexplained", "after_opt_out", "registry",
    )
)  # fmt: skip

TESTS: dict[str, tuple[str, ...]] = {
    "audit/findings/anomaly/": (f"{FINDINGS}anomaly/test_describe.py", f"{FINDINGS}anomaly"),
    "audit/findings/checks/browse_pursuit": (f"{FINDINGS}test_other_checks.py", BESIDE),
    "audit/findings/checks/cart_": (f"{FINDINGS}test_carts.py", BESIDE),
    "audit/findings/checks/declared_rules": (
        f"{FINDINGS}test_declared_rules.py", f"{WHY}test_excluded.py", f"{FINDINGS}test_removal_plans.py",
    ),
    "audit/findings/checks/duplicate_message": (f"{FINDINGS}test_other_checks.py", BESIDE),
    "audit/findings/checks/ignored_streak": (
        f"{FINDINGS}test_ignored_streak.py", f"{FINDINGS}test_removal_plans.py", BESIDE,
    ),
    "audit/findings/checks/life_changed": (f"{FINDINGS}test_other_checks.py", BESIDE),
    "audit/findings/checks/lookalike_segment": (
        f"{FINDINGS}test_sensitive_inference.py", f"{FINDINGS}test_unexplained.py", BESIDE,
    ),
    "audit/findings/checks/unrequested_shipment": (f"{FINDINGS}test_other_checks.py", BESIDE),
    "audit/findings/checks/": (f"{FINDINGS}test_{{}}.py", BESIDE),
    "audit/findings/explain": (
        f"{FINDINGS}test_explain.py", f"{FINDINGS}test_removal_plans.py", f"{WHY}test_until.py", f"{WHY}test_excluded.py",
    ),
    "audit/findings/check.py": (BESIDE, f"{FINDINGS}test_explain.py"),
    "audit/findings/": ROOM,
    "audit/population/coverage": (
        "tests/audit/population/test_coverage.py", "tests/audit/queries/test_coverage_line.py",
        f"{FINDINGS}test_unexplained.py",
    ),
    "audit/privacy/": ("tests/audit/privacy/test_{}.py",),
}  # fmt: skip
"""How a module's path begins → the tests that are asked, the most telling first; `{}` is the module's name."""


class Mutant(NamedTuple):
    """The `number`th change of a module. `change`: what is read there, such as `< → <=`."""

    path: Path
    number: int
    line: int
    column: int
    change: str


class Change(NamedTuple):
    """What can be changed in a syntax tree, and the call that does it."""

    node: ast.expr
    words: str
    apply: Callable[[], None]


def changes(tree: ast.Module) -> Iterator[Change]:
    """Every comparison of a module with what it can be changed into."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for position, operator in enumerate(node.ops):
                other = SWAPPED[type(operator)]
                words = f"{SIGNS[type(operator)]} → {SIGNS[other]}"
                yield Change(node, words, partial(node.ops.__setitem__, position, other()))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _method_changes(node, node.func)


def _method_changes(call: ast.Call, method: ast.Attribute) -> Iterator[Change]:
    name = method.attr
    if name == "is_in":
        yield Change(call, "is_in → not in", partial(_negate, call))
    elif name == "is_between" and not call.keywords:
        for end in ("left", "right"):
            closed = ast.keyword("closed", ast.Constant(end))
            yield Change(call, f"is_between → closed {end}", partial(call.keywords.append, closed))
    elif name in OPPOSITES:
        other = OPPOSITES[name]
        yield Change(call, f"{name} → {other}", partial(setattr, method, "attr", other))


def _negate(call: ast.Call) -> None:
    original = ast.Call(call.func, call.args, call.keywords)
    call.func, call.args, call.keywords = ast.Attribute(original, "not_", ast.Load()), [], []


def mutants(path: Path) -> list[Mutant]:
    """All changes of the module at `path`, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rows = [
        Mutant(path, number, change.node.lineno, change.node.col_offset, change.words)
        for number, change in enumerate(changes(tree))
    ]
    return sorted(rows, key=lambda mutant: (mutant.line, mutant.column))


def apply(mutant: Mutant) -> None:
    """Give the function that holds the comparison its changed code, wherever it is referred to from."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    list(changes(tree))[mutant.number].apply()
    file = str(mutant.path.resolve())
    changed = dict(_functions(compile(ast.fix_missing_locations(tree), file, "exec")))
    functions = [function for function in gc.get_objects() if isinstance(function, FunctionType)]
    for function in functions:
        code = function.__code__
        if code.co_filename == file:
            function.__code__ = changed[code.co_qualname, code.co_firstlineno]


def _functions(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield (inner.co_qualname, inner.co_firstlineno), inner
            yield from _functions(inner)


class _PropertiesLast:
    """Examples before properties and before what needs a workspace: most mutants fall at once."""

    @staticmethod
    def pytest_collection_modifyitems(items):
        items.sort(key=lambda item: bool(_property(item)) + bool({"scenes", "demo"} & {*item.fixturenames}))
        for item in items:
            if asked := _property(item):
                item.obj._hypothesis_internal_use_settings = settings(asked, max_examples=EXAMPLES)


def _property(item):
    return getattr(item.obj, "_hypothesis_internal_use_settings", None)


def passes(tests: str, mutant: Mutant | None) -> bool:
    """Whether a file or folder of tests passes with the change (None: without any), in a child process."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(_test(tests, mutant))
        finally:
            os._exit(FAULT)
    _, status = os.waitpid(pid, 0)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED, FAULT):
        raise SystemExit(f"cannot run {tests}: {exit_code}")
    return exit_code == 0


def _test(tests: str, mutant: Mutant | None) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    output = os.open(os.environ.get("MUTATION_OUTPUT", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if mutant is not None:
        apply(mutant)
    options = [
        "-c",
        os.devnull,
        "--rootdir=.",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "_hypothesis_pytestplugin",
        "-k",
        SLOW,
    ]
    return int(pytest.main([*options, tests], plugins=[_PropertiesLast()]))


def tests_of(path: Path) -> tuple[str, ...]:
    """The tests that are asked about a module, those that there are."""
    prefix = next(prefix for prefix in TESTS if str(path).startswith(prefix))
    names = (name.format(path.stem) for name in TESTS[prefix])
    return tuple(name for name in names if Path(name).exists())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("paths", nargs="*", type=Path, default=PATHS)
    parser.add_argument("--sample", type=int, help="so many mutants of each path, by chance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--line", type=int, help="only those of this line")
    options = parser.parse_args()
    settings.register_profile("repeatable", derandomize=True, database=None)
    settings.load_profile("repeatable")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for module in IMPORTED:
        importlib.import_module(module)
    total = survivors = 0
    for folder in options.paths:
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
        for file in files:
            importlib.import_module(".".join(file.with_suffix("").parts))
        rows = [row for file in files for row in mutants(file) if options.line in (None, row.line)]
        if options.sample is not None and options.sample < len(rows):
            rows = sorted(random.Random(options.seed).sample(rows, options.sample))
        alive = list(_survivors(rows))
        print(f"{folder}: {len(rows) - len(alive)} of {len(rows)} killed", flush=True)
        total, survivors = total + len(rows), survivors + len(alive)
    if total:
        print(f"all: {total - survivors} of {total} killed, {(total - survivors) / total:.1%}")


def _survivors(rows: list[Mutant]) -> Iterator[Mutant]:
    for row in rows:
        killer = next((name for name in tests_of(row.path) if not passes(name, row)), None)
        if killer is None:
            print(f"{row.path}:{row.line} column {row.column + 1}: {row.change}", flush=True)
            yield row


if __name__ == "__main__":
    main()

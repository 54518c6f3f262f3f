"""How the screens are built: few classes above each, few methods in each, and imports that run one way."""

import ast
import importlib
import pkgutil
from graphlib import TopologicalSorter
from inspect import isfunction
from pathlib import Path

import pytest
from textual.screen import Screen

import tui
import tui.screens

for module in pkgutil.iter_modules(tui.screens.__path__, "tui.screens."):
    importlib.import_module(module.name)


def subclasses(parent: type) -> set[type]:
    direct = set(parent.__subclasses__())
    return direct.union(*map(subclasses, direct)) if direct else direct


SCREENS = sorted((kind for kind in subclasses(Screen) if kind.__module__.startswith("tui.")), key=repr)


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__name__)
def test_a_screen_has_at_most_two_of_our_classes_above_it_and_forty_methods(screen: type) -> None:
    above = [kind for kind in screen.__mro__[1:] if kind.__module__.startswith("tui.")]
    assert len(above) <= 2
    methods = [name for name, member in vars(screen).items() if isfunction(member)]
    assert len(methods) <= 40


def test_no_circle_of_imports_even_of_types_alone() -> None:
    root = Path(tui.__file__).parent
    modules = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.rglob("*.py")
    }
    graph = {name: imported_by(path, modules) - {name} for name, path in modules.items()}
    TopologicalSorter(graph).prepare()


def imported_by(path: Path, modules: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else str(node.module) for name in names}
    return found & set(modules)


def test_screens_and_widgets_do_not_know_the_application() -> None:
    root = Path(tui.__file__).parent
    for path in [*root.glob("screens/*.py"), *root.glob("widgets/*.py"), *root.glob("session/*.py")]:
        assert "tui.app" not in imported_by(path, {"tui.app": root / "app.py"}), path

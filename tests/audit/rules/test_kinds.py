"""What each kind of rule is stands in its class, and nobody else asks for its name."""

import ast
from pathlib import Path

from hypothesis import given

from audit.rules import kernel, kinds
from audit.rules.describe import sentence
from audit.rules.model import KINDS, from_dict
from audit.rules.model import kinds as in_order
from tests.audit.rules.strategies import documents

ROOT = Path(__file__).parents[3]
ROOMS = (*(ROOT / "audit").rglob("*.py"), *(ROOT / "tui").rglob("*.py"))


def kinds_compared(path: Path) -> list[str]:
    """The names of kinds that a module compares something with that is called a kind of rule."""
    compared = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
    ]
    return [
        f"{path.name}:{node.lineno}"
        for node in compared
        if "rule" in ast.unparse(node) or "kind" in ast.unparse(node.left)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in KINDS
    ]


def test_nobody_outside_its_class_and_the_kernel_compares_a_kind_with_its_name():
    rooms = [path for path in ROOMS if not {"kinds", "kernel"} & set(path.parts)]
    assert len(rooms) > 100
    assert [place for path in rooms for place in kinds_compared(path)] == []


def test_a_comparison_would_be_found(tmp_path):
    (tmp_path / "module.py").write_text('if rule.kind in {"mute", "sunset"}:\n    pass\n')
    assert kinds_compared(tmp_path / "module.py") == ["module.py:1", "module.py:1"]


def test_every_file_of_the_folder_is_read_and_every_kind_has_a_place_of_its_own():
    assert len({KINDS[kind].order for kind in KINDS}) == len(KINDS)
    files = {path.stem for path in Path(kinds.__path__[0]).glob("*.py")}
    assert {KINDS[kind].__module__.rsplit(".", 1)[-1] for kind in KINDS} == files - {"__init__", "counting"}


def test_the_kernel_knows_every_kind_that_ships():
    assert in_order() == kernel.KINDS


@given(documents)
def test_every_rule_can_be_said_in_words(document):
    rule = from_dict(document)
    words = (rule.description(), rule.blocked_because(2), rule.lacking(), sentence(rule))
    assert all(words)
    assert rule.passed_because() or rule.kind == "mute"

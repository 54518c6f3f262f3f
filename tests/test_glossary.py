"""The register of the house's words, and that the code keeps to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^\| (?!term \|)([^|]+?) \| ([^|]+?) \|$", GLOSSARY, re.MULTILINE)

ROOMS_OF = {
    "standing": (
        "audit/why/",
        "audit/segments/",
        "audit/queries/",
    ),
    "kept": (),
    "told": (),
}
"""A word that once meant several things → where it names something; the others have no use for it."""

NOT_YET = {
    "standing": ("audit/rules/", "tui/"),
    "kept": ("audit/ingest/", "audit/recommendations/", "audit/queries/", "tui/"),
    "told": ("audit/rules/", "audit/findings/", "audit/recommendations/", "audit/queries/", "tui/"),
}
"""Rooms where it still names something else. This list only shrinks."""


def bound_names(path: Path) -> Iterator[str]:
    """The names that a file gives to modules, classes, functions, parameters and variables."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name.lower()


def test_terms_are_unique_and_alphabetical() -> None:
    names = [name for name, _ in TERMS]
    assert len(names) >= 40
    assert names == sorted(set(names))


def test_a_meaning_is_one_short_line() -> None:
    assert [name for name, meaning in TERMS if not 15 <= len(meaning) <= 130 or meaning.endswith(".")] == []


@pytest.mark.parametrize("word", ROOMS_OF)
def test_a_word_that_had_several_meanings_names_one_thing(word: str) -> None:
    named = {
        path.relative_to(ROOT).as_posix()
        for package in ("audit", "tui")
        for path in (ROOT / package).rglob("*.py")
        if word in bound_names(path)
    }
    assert sorted(path for path in named if not path.startswith((*ROOMS_OF[word], *NOT_YET[word]))) == []

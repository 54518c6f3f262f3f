"""The only way data reaches a widget: cleaned, typed, and never as a bare string."""

import ast
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.rendering.text import (
    cell,
    content,
    joined,
    line,
    line_breaks,
    plain,
    share,
)

TUI = Path(__file__).parents[2] / "tui"
SCREEN_FILES = [
    TUI / "app.py",
    TUI / "keys.py",
    *sorted((TUI / "screens").glob("*.py")),
    *sorted((TUI / "widgets").glob("*.py")),
]
ALLOWED = {
    "content",
    "joined",
    "figures",
    "of_sample",
    "side_by_side",
    "_description",
    "displacement",
    "readable",
    "totals",
    "says",
}
"""What makes content of data."""

HOSTILE = [
    "\x1b[2J",
    "\x1b]52;c;AAAA\x07",
    "\x9b31m",
    "\u202eevil",
    "\x00",
    "\x7f",
    "\u200b",
    "\ud800",
    "a\rb",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    for made in (plain(text), cell(text).plain, content(text).plain, line(text, 20)):
        assert not any(ord(char) < 32 or 0x7F <= ord(char) <= 0x9F or char == "\u202e" for char in made)


@pytest.mark.parametrize(
    "text", ["[/]", "[@click=app.quit]x[/]", "[link=https://example.org]x[/link]", "[bold]x"]
)
def test_markup_stays_text(text: str) -> None:
    assert content(text).plain == text
    assert not content(text).spans
    assert cell(text).plain == text
    assert not cell(text).spans


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_a_line_has_exactly_the_cells_it_was_given(text: str, width: int) -> None:
    assert cell_len(line(text, width)) == width


def test_what_is_cut_says_so() -> None:
    assert line("Nail clipper deals", 8) == "Nail cl…"


def lines_of(text: str, width: int) -> list[str]:
    return [part.plain for part in content(text).wrap(width)]


@given(st.text("ab .-\u00a0\u4e2d", max_size=40), st.integers(2, 12))
def test_lines_have_room_and_nothing_is_lost(text: str, width: int) -> None:
    starts = [0, *line_breaks(text, width), len(text)]
    lines = [text[at:end] for at, end in pairwise(starts)]
    assert "".join(lines) == text
    assert all(cell_len(part.rstrip()) <= width for part in lines)


@pytest.mark.parametrize("width", [-1, 0, 1])
def test_where_there_is_no_room_a_line_has_a_cell(width: int) -> None:
    assert line_breaks("ab c", width) == line_breaks("ab c", 1) != []


def test_a_number_keeps_its_unit_and_a_day_its_time() -> None:
    assert lines_of("it was 1\u202f000\u00a0EUR", 14) == ["it was", "1\u202f000\u00a0EUR"]
    assert lines_of("bought on 2026-11-14 04:09", 22) == ["bought on", "2026-11-14 04:09"]
    assert lines_of("messages to 20 Nov 23:59", 20) == ["messages to", "20 Nov 23:59"]


def test_a_long_name_breaks_behind_its_points() -> None:
    assert lines_of("a marketing.advertising.first_party.targeted", 36) == [
        "a",
        "marketing.advertising.first_party.",
        "targeted",
    ]


def test_pieces_are_joined_with_their_own_styles() -> None:
    made = joined(("a[/]", "bold"), " ", "b")
    assert made.plain == "a[/] b"
    assert [(span.start, span.end) for span in made.spans] == [(0, 4)]


def test_nothing_is_absent_rather_than_none() -> None:
    assert plain(None) == ""
    assert content(None).plain == ""


@pytest.mark.parametrize("path", SCREEN_FILES, ids=lambda path: path.name)
def test_no_widget_is_given_a_bare_string(path: Path) -> None:
    """`Static(f"...")`, `Label(value)`, `notify(...)`, `border_title = value`, tooltips: only through `tui.rendering.text`."""
    found = [
        f"{path.name}:{line_of(node)}"
        for node in ast.walk(ast.parse(path.read_text()))
        if gives_bare_text(node)
    ]
    assert not found


def line_of(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def gives_bare_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = called(node)
        if name == "notify":
            return True
        if name in {"Static", "Label", "Button", "Option", "update", "add_row", "add_option", "add_column"}:
            return bool(node.args) and not is_made(node.args[0])
    if isinstance(node, ast.Assign):
        named = {target.attr for target in node.targets if isinstance(target, ast.Attribute)}
        return bool(named & {"border_title", "border_subtitle", "tooltip"}) and not is_made(node.value)
    return False


def is_made(node: ast.AST) -> bool:
    """Whether an expression is content: made here, or a name that holds only content."""
    if isinstance(node, ast.Call):
        return called(node) in ALLOWED or (
            isinstance(node.func, ast.Attribute) and node.func.attr == "_described"
        )
    if isinstance(node, ast.IfExp):
        return is_made(node.body) and is_made(node.orelse)
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in {
        "self._title",
        "self._text",
        "item.says",
        "text",
    }


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_the_rule_about_bare_strings_can_fail() -> None:
    bad = 'Static(f"{x}")\nLabel(x)\nself.notify(x)\nbox.border_title = x\ntable.add_row(x)\nStatic("[b]x")'
    assert sum(gives_bare_text(node) for node in ast.walk(ast.parse(bad))) == 6


def test_a_share_that_is_not_nought_does_not_read_as_nought() -> None:
    shares = (None, 0.0, 7 / 106_771, 0.0004, 0.0005, 0.123)
    assert [share(value) for value in shares] == ["–", "0.0 %", "0.01 %", "0.04 %", "0.1 %", "12.3 %"]
    assert [share(value, 0) for value in (0.0, 0.002, 0.5)] == ["0 %", "0.2 %", "50 %"]

"""One table of keys makes everything; none is dead, none is taken twice, none is taken from a person who types."""

import re
from itertools import product
from pathlib import Path

import pytest
from textual.widget import Widget
from textual.widgets import Input

from audit.errors import InputError
from tests import golden
from tests.tui.conftest import Started
from tui import keys, settings
from tui.app import WhysentApp
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import (
    AudienceScreen,
    Choice,
    JumpScreen,
    Line,
    PageDialog,
    Question,
    TextDialog,
)
from tui.screens.find import Field, FindScreen
from tui.screens.fleet import FleetScreen
from tui.screens.inbox import InboxDialog
from tui.screens.reconcile import ReconcileScreen
from tui.screens.report import ReportDialog
from tui.screens.rule_dialogs import DisplacedDialog, Pick, SuggestionDialog, VendorDialog
from tui.screens.rules import RulesScreen
from tui.screens.stories import StoriesScreen
from tui.screens.take_in import TakeInScreen
from tui.screens.why import WhyScreen
from tui.widgets.items import Items
from tui.widgets.replay_panes import CurvePane
from tui.widgets.rule_form import RuleForm
from tui.widgets.table import Table
from tui.widgets.text import KeyLine

BEARERS = {
    "app": [WhysentApp],
    "table": [Table],
    "list": [Items],
    "find": [FindScreen],
    "field": [Field],
    "stories": [StoriesScreen],
    "customer": [CustomerScreen],
    "why": [WhyScreen],
    "reconcile": [ReconcileScreen],
    "rules": [RulesScreen],
    "form": [RuleForm],
    "curve": [CurvePane],
    "displaced": [DisplacedDialog],
    "fleet": [FleetScreen],
    "take_in": [TakeInScreen],
    "audience": [AudienceScreen],
    "dialog": [TextDialog, Choice, Line, VendorDialog],
    "pick": [Pick],
    "inbox": [InboxDialog],
    "page": [PageDialog],
    "jump": [JumpScreen],
    "question": [Question],
    "suggestion": [SuggestionDialog],
    "report": [ReportDialog],
}


def bound(place: str) -> list[str]:
    return [one for key in keys.TABLE[place] for one in key.keys.split(",")]


@pytest.mark.parametrize("chain", keys.CHAINS, ids="-".join)
def test_no_key_stands_twice_in_one_focus(chain: tuple[str, ...]) -> None:
    taken = [one for place in chain for one in bound(place)]
    assert sorted(taken) == sorted(set(taken))


@pytest.mark.parametrize(
    ("place", "key"), [(place, key) for place, them in keys.TABLE.items() for key in them]
)
def test_no_key_is_dead(place: str, key: keys.Key) -> None:
    name = key.action.split("(")[0]
    owner, _, own = name.rpartition(".")
    bearers = {"app": [WhysentApp], "screen": [FindScreen], "": BEARERS[place]}[owner]
    for bearer in bearers:
        assert hasattr(bearer, f"action_{own}")


def test_control_keys_always_have_a_twin_that_every_terminal_sends() -> None:
    for key in (key for place in keys.TABLE.values() for key in place):
        names = key.keys.split(",")
        assert any(not name.startswith("ctrl+") for name in names), key


def test_every_action_says_what_it_does_in_a_sentence() -> None:
    for key in (key for place in keys.TABLE.values() for key in place):
        assert key.help.endswith("."), key
        assert key.label


@pytest.mark.parametrize("place", keys.TABLE)
def test_bindings_have_ids_of_their_own_so_that_they_can_be_changed(place: str) -> None:
    ids = [binding.id for binding in keys.bindings(place)]
    assert len(ids) == len(set(ids))
    assert all(str(one).startswith(f"{place}.") for one in ids)


CHANGING = (
    "The palette (`Ctrl+P` or `F10`) finds every action, customer, campaign, segment, rule, story and page of this manual; a",
    "question in plain words is enough. `?` tells the keys of what has the focus, that first, in dialogs too. `;` puts letters over panes, tabs",
    "and rows; arrows, Home, End and the mouse work everywhere.",
    "",
    "To give an action other keys, write its id and the keys into a table `[keys]` of `settings.toml` in the folder of your settings",
    "(on Linux `~/.config/whysent`). Help, foot and palette follow; a key that would do two things in one place is refused. The",
    "theme chosen with `F6` or in the palette is kept in the same file.",
    "",
    "```toml",
    'theme = "high-contrast"   # dark, light, ansi-dark, ansi-light, high-contrast, colour-blind',
    "",
    "[keys]",
    '"customer.leave-out" = "z"',
    "```",
    "",
)


def manual() -> str:
    """The whole table as Markdown, for the manual."""
    lines = ["# Keys", "", *CHANGING]
    for area, entries in keys.TABLE.items():
        lines += [f"## {keys.TITLES[area]}", "", "| key | does | id |", "|---|---|---|"]
        lines += [f"| `{keys.names(key)}` | {key.help} | `{keys.action_id(area, key)}` |" for key in entries]
        lines.append("")
    return "\n".join(lines)


def test_the_manual_holds_every_key_and_is_up_to_date() -> None:
    golden.hold(Path(__file__).parents[2] / "docs" / "keys.md", manual())


async def test_letters_typed_into_a_field_do_nothing_else(started: Started) -> None:
    letters = sorted({one for place in keys.TABLE for one in bound(place) if len(one) == 1})
    async with started(agent=True) as driver:
        field = driver.app.screen.query_one(Input)
        for letter in letters:
            await driver.pilot.press(letter)
        await driver.settle()
        assert field.value == "".join(letters)
        assert isinstance(driver.app.screen, FindScreen)
        assert driver.app.is_running


async def test_letters_typed_into_a_rule_do_nothing_else(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        field = driver.app.focused
        assert isinstance(field, Input)
        before = field.value
        for letter in "1jkgGHundq?/":
            await driver.pilot.press(letter)
        await driver.settle()
        assert sorted(field.value) == sorted(before + "1jkgGHundq?/")
        assert isinstance(driver.app.screen, RulesScreen)


@pytest.mark.parametrize(
    ("keyed", "place"), list(product(("question_mark", "f1"), ("find", "customer", "rules")))
)
async def test_help_tells_the_keys_of_what_has_the_focus(started: Started, keyed: str, place: str) -> None:
    way = {"find": (), "customer": ("enter",), "rules": ("3",)}[place]
    async with started("large") as driver:
        await driver.press(*way, keyed)
        assert isinstance(driver.app.screen, TextDialog)
        assert keys.TITLES[place] in driver.text
        await driver.press("escape")
        assert place == driver.app.screen.AREA


async def test_the_footer_names_the_keys_of_the_screen(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter")
        last = driver.text.splitlines()[-1]
        for key in keys.TABLE["customer"]:
            assert (f" {key.label} " in f" {last} ") == key.shown or not key.shown


def test_the_footer_fits_the_smallest_terminal() -> None:
    for place in ("find", "customer", "why", "reconcile", "rules", "inbox", "suggestion", "report"):
        chain = (place,) if place in {"inbox", "suggestion", "report"} else (place, "app")
        shown = [key for at in chain for key in keys.TABLE[at] if key.shown]
        assert sum(len(key.display or keys.names(key)) + len(key.label) + 3 for key in shown) <= 80 - 12


def test_places_know_their_widgets() -> None:
    for place, bearers in BEARERS.items():
        for bearer in bearers:
            if issubclass(bearer, Widget):
                assert place == bearer.AREA


def test_keys_of_ones_own_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    assert settings.read(file) == ("", {})
    file.write_text('theme = "light"\n[keys]\n"customer.leave-out" = "z, f7"')
    assert settings.read(file) == ("light", {"customer.leave-out": "z,f7"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[keys]\n"customer.leaf-out" = "z"', "did you mean 'customer.leave-out'"),
        ("[keys]\ncustomer.x =", "is no TOML"),
        ('[keys]\n"app.quit" = 3', "as text"),
        ('keys = "z"', "write a table"),
        ('theme = "drak"', "theme: unknown 'drak'; did you mean 'dark'"),
        ('tehme = "dark"', "tehme: unknown key; did you mean 'theme'"),
        ('[keys]\n"customer.leave-out" = "t"', "keys: 't' would be both customer.leave-out and customer.try"),
        ('[keys]\n"app.quit" = "w"', "'w' would be both customer.why and app.quit"),
    ],
)
def test_settings_that_are_wrong_are_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        settings.read(file)
    assert str(refused.value).startswith(f"{file}: ")


async def test_a_key_of_ones_own_does_what_the_old_one_did_and_foot_and_help_say_so(started: Started) -> None:
    async with started("large", keymap={"customer.leave-out": "z", "app.help": "f5"}) as driver:
        await driver.press("enter", "z")
        assert ("picture", "c_00000000", ("m-11", "open-11")) in driver.session.asked
        assert " z leave out " in driver.text.splitlines()[-1]
        told = keys.help_text(driver.app.screen, driver.app.keymap).plain
        await driver.press("f5")
        assert isinstance(driver.app.screen, TextDialog)
        assert "z  Take the event out" in told
        assert "F5  What the keys do here" in told


def test_hints_name_keys_by_actions_that_there_are() -> None:
    sources = [path.read_text() for path in (Path(__file__).parents[2] / "tui").rglob("*.py")]
    lines = [line for text in sources for line in text.splitlines()]
    hints = "\n".join(line for line in lines if "hint(" in line or re.match(r"\s*[A-Z_]+\b.* = \"", line))
    named = {*re.findall(r"\{([a-z]+\.[a-z/-]+)\}", hints)}
    named |= {*re.findall(r"key_of\(['\"]([\w./-]+)['\"]\)", "\n".join(lines))}
    assert len(named) > 20
    assert named <= keys.actions().keys()
    bare = r"\b(?:Esc|[a-zA-Z]) (?:stops|leaves|puts it|shows|proposes|counts)\b"
    assert [found for text in sources for found in re.findall(bare, text)] == []


async def test_hints_name_keys_of_ones_own(started: Started) -> None:
    own = {
        "customer.leave-out": "z",
        "customer.report": "B",
        "report.next": "v",
        "app.undo": "f8",
        "why.leave-out": "z",
    }
    async with started("large", keymap=own) as driver:
        await driver.press("enter", "G")
        assert "z leaves it out of the history" in driver.words
        await driver.press("w", "z")
        assert "(z, F8: put back)" in driver.words
        assert keys.hint("{report.next}: the next · {find.back} all") == "v: the next · Esc all"
        assert [keys.pressed(shipped) for shipped in ("x", "R r", "tab w")] == ["z", "B→r", "tab→w"]


async def test_a_dialog_tells_its_keys_and_lets_one_leave(started: Started) -> None:
    async with started("small") as driver:
        await driver.press("enter", "R", "question_mark")
        assert driver.app.screen.id == "help"
        assert "In a report" in driver.text
        assert "Go to Find" not in keys.help_text(driver.app.screen_stack[-2], {}).plain
        await driver.press("question_mark")
        assert isinstance(driver.app.screen, ReportDialog)
        assert "? help" in driver.text.splitlines()[-1]
        await driver.press("ctrl+q")
        assert driver.app.return_code == 0


async def test_a_click_on_a_key_at_the_foot_presses_it(started: Started) -> None:
    async with started("small") as driver:
        await driver.press("enter")
        foot = driver.text.splitlines()[-1]
        assert foot.rstrip().endswith("palette")
        await driver.pilot.click(KeyLine, offset=(foot.index("? help") + 3, 0))
        await driver.settle()
        assert isinstance(driver.app.screen, TextDialog)


async def test_pages_and_sizes_of_no_cell_are_no_reason_to_end(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        for size in ((1, 1), (20, 6), (80, 24)):
            await driver.pilot.resize_terminal(*size)
            await driver.press("pagedown", "pageup", "question_mark", "pagedown", "escape")
        assert driver.app.is_running
        assert driver.app._exception is None

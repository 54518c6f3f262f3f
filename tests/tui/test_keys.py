"""One table of keys makes everything; none is dead, none is taken twice, none is taken from a person who types."""

from itertools import product
from pathlib import Path

import pytest
from textual.widget import Widget
from textual.widgets import Input

from audit.errors import InputError
from tests import golden
from tests.tui.conftest import Started
from tui import keys
from tui.app import WhysentApp
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import AudienceDialog, Choice, Line, Question, TextDialog
from tui.screens.displaced import DisplacedDialog
from tui.screens.find import Field, FindScreen
from tui.screens.inbox import InboxDialog
from tui.screens.reconcile import ReconcileScreen
from tui.screens.report import ReportDialog
from tui.screens.rule_dialogs import SuggestionDialog, VendorDialog
from tui.screens.rules import RulesScreen
from tui.screens.stories import StoriesScreen
from tui.screens.why import WhyScreen
from tui.widgets.items import Items
from tui.widgets.replay_panes import CurvePane
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
    "curve": [CurvePane],
    "displaced": [DisplacedDialog],
    "audience": [AudienceDialog],
    "dialog": [TextDialog, Choice, Line, VendorDialog],
    "inbox": [InboxDialog],
    "question": [Question],
    "suggestion": [SuggestionDialog],
    "report": [ReportDialog],
}
FOCUS = [
    ("table", "find", "app"),
    ("find", "app"),
    ("field", "find", "app"),
    ("list", "stories", "app"),
    ("table", "customer", "app"),
    ("list", "customer", "app"),
    ("table", "why", "app"),
    ("list", "why", "app"),
    ("table", "reconcile", "app"),
    ("list", "rules", "app"),
    ("rules", "app"),
    ("curve", "rules", "app"),
    ("audience", "app"),
    ("table", "displaced", "app"),
    ("dialog", "app"),
    ("list", "dialog", "app"),
    ("question", "app"),
    ("list", "inbox", "app"),
    ("suggestion", "app"),
    ("report", "app"),
]
"""Every chain from what has the focus up to the application."""


def bound(place: str) -> list[str]:
    return [one for key in keys.TABLE[place] for one in key.keys.split(",")]


@pytest.mark.parametrize("chain", FOCUS, ids="-".join)
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
    "Every action is in the palette (`Ctrl+P` or `F10`), and `?` tells the keys of what has the focus. Arrows, Home,",
    "End and the mouse work everywhere. To give an action other keys, write its id and the keys into `keys.toml` in",
    'the folder of your settings (on Linux `~/.config/whysent`): `"customer.leave-out" = "z"`.',
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


async def test_the_palette_offers_the_actions_of_the_screen(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter")
        offered = {command.title for command in driver.app.get_system_commands(driver.app.screen)}
        assert any("leave out" in title for title in offered)
        assert any("quit" in title for title in offered)
        assert len(offered) == sum(
            key.action not in {"command_palette", "dismiss"}
            for place in ("table", "customer", "app")
            for key in keys.TABLE[place]
        )


async def test_what_the_palette_offers_does_what_the_key_does(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter")
        commands = {command.title: command for command in driver.app.get_system_commands(driver.app.screen)}
        leave_out = next(command for title, command in commands.items() if "leave out" in title)
        await leave_out.callback()
        await driver.settle()
        assert ("picture", "c_00000000", ("m-11", "open-11")) in driver.session.asked


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
    file = tmp_path / "keys.toml"
    assert keys.read_keymap(file) == {}
    file.write_text('"customer.leave-out" = "z"')
    assert keys.read_keymap(file) == {"customer.leave-out": "z"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"customer.leaf-out" = "z"', "nearest is customer.leave-out"),
        ("customer.x =", "cannot be read"),
        ('"app.quit" = 3', "as text"),
    ],
)
def test_a_keymap_that_is_wrong_is_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        keys.read_keymap(file)


async def test_a_key_of_ones_own_does_what_the_old_one_did(started: Started) -> None:
    async with started() as driver:
        driver.app.set_keymap({"customer.leave-out": "z"})
        await driver.press("enter", "z")
        assert ("picture", "c_00000000", ("m-11", "open-11")) in driver.session.asked


async def test_a_click_on_a_key_at_the_foot_presses_it(started: Started) -> None:
    async with started("small") as driver:
        await driver.press("enter")
        foot = driver.text.splitlines()[-1]
        assert foot.rstrip().endswith("palette")
        await driver.pilot.click(KeyLine, offset=(foot.index("? help") + 3, 0))
        await driver.settle()
        assert isinstance(driver.app.screen, TextDialog)

"""Rules: what one types is checked and replayed as one types; nothing is changed without a plan and a yes."""

import threading
import time
from collections.abc import Callable

import msgspec
import pytest
from textual.widgets import Input
from textual.widgets._collapsible import CollapsibleTitle

from audit.rules.replay.totals import Displacement
from tests.tui.canned import FakeSession
from tests.tui.conftest import SIZES, Driver, Started
from tui.core_access import StoppedError
from tui.rendering import bars
from tui.screens.dialogs import Choice, Question, TextDialog
from tui.screens.find import FindScreen
from tui.screens.rule_dialogs import Pick
from tui.screens.rules import RulesScreen
from tui.session.view_models import Change, Document, Drawing, Progress, Sample
from tui.widgets import rule_form
from tui.widgets.replay_panes import CurvePane
from tui.widgets.rule_form import FieldRow, RuleForm
from tui.widgets.table import Table


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_form, "PAUSE", 0.01)


def field(driver: Driver, key: str) -> Input:
    return driver.app.screen.query_one(f"#row-{key}", FieldRow).query_one(Input)


async def typed(driver: Driver, key: str, text: str) -> None:
    field(driver, key).value = text
    await driver.until(
        lambda: any(asked[0] == "draft" and asked[1].get(key) == text for asked in driver.session.asked)
    )
    await driver.settle()


def replays(driver: Driver) -> list[dict[str, object]]:
    return [asked[1] for asked in driver.session.asked if asked[0] == "replay"]


def changes(driver: Driver) -> list[Change]:
    return [asked[1] for asked in driver.session.asked if asked[0] == "apply"]


async def test_the_book_says_what_is_on_in_a_word_and_the_first_rule_is_replayed(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        assert "on   email-weekly-cap  v3" in driver.text
        assert "off  quiet-hours-us  v2" in driver.text
        assert "2 on, 3 in all" in driver.text
        assert replays(driver)[-1]["id"] == "email-weekly-cap"


async def test_the_replay_shows_totals_rates_side_by_side_and_what_it_is(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("3")
        for part in ("1,204,511", "214,090", "17.8 %", "1,200 of 2,013 lose a mail", "stopped kept random", "0.60 %",
                     "complaints are known for 61 %", "4 were responded to, 2 led to an order", "newsletter Nail clipper → cart",
                     "a past that was no experiment"):  # fmt: skip
            assert part in driver.words


async def test_what_one_types_is_replayed(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        await typed(driver, "limit", "5")
        assert replays(driver)[-1]["limit"] == 5


async def test_what_is_wrong_stands_beside_its_field_and_is_not_replayed(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        before = len(replays(driver))
        await typed(driver, "limit", "many")
        assert "'many' is no whole number" in driver.text
        assert len(replays(driver)) == before
        await typed(driver, "limit", "4")
        assert "is no whole number" not in driver.text


async def test_the_form_reads_the_rule_back_and_says_how_much_it_judges(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        await typed(driver, "limit", "5")
        assert "At most 5 marketing e-mails in any 7 days." in driver.words
        assert "judges 88,000 of 106,771 messages in this data" in driver.words


@pytest.mark.parametrize("size", ["small", "medium", "large"])
async def test_what_is_odd_stands_under_its_field_and_what_a_rule_makes_needless_under_the_sentence(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("3", "enter")
        await typed(driver, "channels", "carrot")
        lines = [line.strip("│┃ ") for line in driver.text.splitlines()]
        field = next(number for number, line in enumerate(lines) if "channels" in line and "carrot" in line)
        assert "! no message in this data has 'carrot'" in lines[field + 1]
        assert "! until-repurchase stops all that this one would" in driver.words
        await typed(driver, "channels", "email")
        assert "!" not in driver.words.replace("! no", "")
        assert replays(driver)[-1]["channels"] == "email", "what is odd is replayed all the same"


async def test_enter_in_a_field_lists_what_the_data_names_with_counts(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        field(driver, "channels").focus()
        await driver.press("enter")
        assert isinstance(driver.app.screen, Pick)
        assert "newsletter 120 messages" in driver.words
        await driver.press("a", "r", "t", "enter")
        assert field(driver, "channels").value == "email, cart"
        await driver.press("enter", "up", "enter")
        assert field(driver, "channels").value == 'email, cart, "a, b"', "a name with a comma stays one"
        await driver.press("enter")
        assert "✓ cart" in driver.text
        await driver.press("down", "enter")
        assert field(driver, "channels").value == 'email, "a, b"', "chosen again it is taken out"
        await driver.press("enter", "escape")
        assert field(driver, "channels").value == 'email, "a, b"'


async def test_a_fixed_choice_has_a_list_by_enter_and_by_a_click_on_its_label(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        field(driver, "on_fail").focus()
        await driver.press("enter")
        assert "on fail: drop, or defer: it goes out later" in driver.words
        assert "drop if left empty" in driver.words
        await driver.press("down", "enter")
        assert field(driver, "on_fail").value == "defer"
        await driver.pilot.click("#row-on_fail .key")
        await driver.press("up", "enter")
        assert field(driver, "on_fail").value == "drop", "one stands in place of the other"
        await driver.press("enter", "enter")
        assert field(driver, "on_fail").value == "drop", "chosen again it stays"


async def test_fields_that_seldom_matter_are_folded_and_open_where_one_is_wrong(started: Started) -> None:
    async with started("small") as driver:
        await driver.press("3", "enter")
        assert "1 more: week start" in driver.text
        assert "messages, counted per week" not in driver.text
        driver.app.screen.query_one(CollapsibleTitle).focus()
        await driver.press("enter", "tab")
        assert driver.app.focused is field(driver, "week_start")
        assert "week start: first day of a calendar week" in driver.text


async def test_senders_come_with_what_becomes_of_the_rule_there(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "p")
        assert "Klaviyo: Smart Sending" in driver.text
        assert "Klaviyo counts over 16h, not over 7d" in driver.words


async def test_saving_shows_a_plan_and_no_is_the_default(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        await typed(driver, "limit", "5")
        await driver.press("f2")
        assert isinstance(driver.app.screen, Question)
        assert "214,090 messages more would be stopped" in driver.text
        await driver.press("escape")
        assert changes(driver) == []
        await driver.press("f2", "y")
        (change,) = changes(driver)
        assert (change.kind, change.id, change.keys["limit"]) == ("set", "email-weekly-cap", 5)


async def test_nothing_changed_is_nothing_to_save(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "f2")
        assert isinstance(driver.app.screen, RulesScreen)
        assert "nothing to save" in driver.text


async def test_a_wrong_rule_cannot_be_saved(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        await typed(driver, "limit", "many")
        await driver.press("f2")
        assert isinstance(driver.app.screen, RulesScreen)
        assert "not saved: limit: 'many' is no whole number" in driver.text


async def test_space_switches_a_rule_after_a_plan(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "space", "y")
        assert [(change.kind, change.id) for change in changes(driver)] == [("disable", "email-weekly-cap")]
        await driver.press("G", "k", "space", "y")
        assert changes(driver)[-1].kind == "enable"


async def test_a_new_rule_begins_with_what_its_kind_needs(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "n")
        assert isinstance(driver.app.screen, Choice)
        await driver.press("enter")
        assert isinstance(driver.app.focused, Input)
        assert "id *" in driver.text
        curve = driver.app.screen.query_one(CurvePane)
        assert (
            curve.drawing is None and not curve.border_subtitle
        )  # no curve of the rule before beside a new one
        await driver.press(*"daily", "enter")
        assert driver.app.focused.parent.id == "row-title"
        await driver.press("T", "down", "up", "up")
        form, focused = driver.app.screen.query_one(RuleForm), driver.app.focused
        assert (form.texts["id"], form.texts["title"], focused.value) == ("daily", "T", "daily")
        place = driver.app.screen.find_widget(focused)
        assert place.visible_region == place.region
        await typed(driver, "limit", "1")
        await driver.press("f2", "y")
        assert [(change.kind, change.id) for change in changes(driver)] == [("add", "daily")]


async def test_history_undo_and_displacement_are_one_key_away(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "H")
        assert isinstance(driver.app.screen, TextDialog)
        assert "limit 4 → 3" in driver.text
        await driver.press("escape", "d")
        assert "newsletter Nail clipper" in driver.text
        assert "12 mails of cart stopped while email-weekly-cap counted at least one of" in driver.words
        await driver.press("escape", "space", "y", "u")
        assert isinstance(driver.app.screen, Question)
        await driver.press("y")
        assert changes(driver)[-1].kind == "undo"


@pytest.mark.parametrize("size", SIZES)
async def test_room_is_kept_for_who_was_displaced_tried_first_and_taken_into_the_form(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("3", "d")
        table = driver.app.screen.query_one("#flow", Table)
        width = table.rows.columns[1].width
        assert table.rows.row(0)[1] == ("newsletter Nail clipper", 12, 12, "cart")
        assert "█" * width in driver.text
        await driver.press("r")
        assert [asked[2] for asked in driver.session.asked if asked[0] == "room"] == ["cart"]
        assert [table.rows.row(at)[1][2:4] for at in range(2)] == [(12, 3), (0, 7)]
        assert "One place kept for cart: all else may take 2 (rule room-for-cart)." in driver.words
        assert "It lost room to others 12 → 3 times; stopped in all 214,090 → 214,200" in driver.words
        await driver.press("enter")
        assert field(driver, "limit").value == "2"
        assert field(driver, "except_campaigns").value == "cart"
        assert replays(driver)[-1]["id"] == "room-for-cart"
        await driver.press("f2", "y")
        assert [(change.kind, change.id) for change in changes(driver)] == [("add", "room-for-cart")]


def test_the_flow_as_text_is_a_line_a_pair() -> None:
    pairs = (
        Displacement(by="news", stopped="cart", n=1200),
        Displacement(by=None, stopped="news", n=3),
    )
    after = (Displacement(by="cart", stopped="news", n=9),)
    assert list(bars.flow_lines(pairs)) == [
        "news took the room of cart: 1,200 times",
        "(no campaign) took the room of news: 3 times",
    ]
    assert list(bars.flow_lines(pairs, after)) == [
        "news took the room of cart: 1,200 times, with room kept 0",
        "(no campaign) took the room of news: 3 times, with room kept 0",
        "cart took the room of news: 0 times, with room kept 9",
    ]


async def test_leaving_with_an_unsaved_edit_asks(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        await typed(driver, "limit", "5")
        await driver.press("q")
        assert isinstance(driver.app.screen, Question)
        await driver.press("n")
        assert driver.app.is_running
        assert field(driver, "limit").value == "5"
        await driver.pilot.press("q", "y")
        await driver.pilot.pause()
        assert driver.app.return_code == 0


async def test_an_unsaved_edit_is_not_lost_to_the_next_rule_without_a_question(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        await typed(driver, "limit", "5")
        await driver.press("j")
        assert isinstance(driver.app.screen, Question)
        await driver.press("n")
        assert field(driver, "limit").value == "5"
        await driver.press("j", "y")
        assert "until-repurchase · v1" in driver.text


async def test_escape_goes_from_the_field_to_the_book_to_find(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "enter")
        assert isinstance(driver.app.focused, Input)
        await driver.press("escape")
        assert driver.app.screen.pane == "book"
        await driver.press("escape")
        assert isinstance(driver.app.screen, FindScreen)


async def test_tab_goes_through_the_fields_and_then_to_the_replay(started: Started) -> None:
    async with started("small") as driver:
        await driver.press("3", "tab")
        fields = list(driver.app.screen.query_one(RuleForm).query("Input, CollapsibleTitle"))
        for one in fields[:-1]:
            assert driver.app.focused is one
            await driver.press("tab")
        assert driver.app.screen.pane == "replay"
        assert "17.8 %" in driver.text


async def test_a_role_that_may_not_see_rules_is_told(started: Started) -> None:
    from audit.errors import NotPermittedError

    class Agent(FakeSession):
        def entries(self) -> None:
            raise NotPermittedError("see_rules: not in the role agent")

    async with started(session=Agent()) as driver:
        await driver.press("3")
        assert "not in the role agent" in driver.text


class Slow(FakeSession):
    """Replays until it is stopped; what is asked after that is answered at once."""

    stopped = False

    def replay(
        self, keys: Document, customer: str | None, progress: Progress | None = None, sampled=None
    ) -> Document:
        sampled(Sample(msgspec.structs.replace(super().replay(keys, customer), customers=142), 2013))
        try:
            for done in range(1, 1 if self.stopped else 1000):
                progress(done, 1000)
                time.sleep(0.01)
        except StoppedError:
            self.stopped = True
            raise
        return super().replay(keys, customer)


async def test_a_long_replay_tells_how_far_it_is_and_escape_stops_it(started: Started) -> None:
    async with started(session=Slow()) as driver:
        await driver.pilot.press("3")
        await driver.until(lambda: "s left · Esc stops" in driver.text)
        await driver.press("escape")
        assert "The replay was stopped." in driver.text
        assert isinstance(driver.app.screen, RulesScreen)
        assert driver.session.stopped


async def test_a_curve_that_is_being_drawn_does_not_ask_for_a_rule(started: Started) -> None:
    class Waits(FakeSession):
        drawn = threading.Event()

        def curve(
            self, keys: Document, by: str, progress: Progress, drawn: Callable[[Drawing], None]
        ) -> Drawing:
            self.drawn.wait(60)
            return super().curve(keys, by, progress, drawn)

    async with started("large", session=Waits()) as driver:
        await driver.pilot.press("3")
        try:
            await driver.until(lambda: "The curve is being drawn." in driver.text)
        finally:
            driver.session.drawn.set()
        await driver.settle()
        assert "The curve is being drawn." not in driver.text


async def test_a_newer_edit_stops_the_replay_of_the_older(started: Started) -> None:
    async with started(session=Slow()) as driver:
        await driver.pilot.press("3")
        await driver.until(lambda: "s left · Esc stops" in driver.text)
        field(driver, "limit").value = "7"
        await driver.until(lambda: driver.session.stopped)
        await driver.press("escape")


async def test_a_sample_answers_first_and_says_what_it_is(started: Started) -> None:
    async with started("large", session=Slow()) as driver:
        await driver.pilot.press("3")
        await driver.until(lambda: "sample: 142 of 2,013 customers" in driver.text)
        await driver.until(lambda: "whole: running" in driver.text and "17.8 %" in driver.text)
        await driver.press("escape")
        assert "sample" not in driver.text


async def test_the_whole_replaces_the_sample(started: Started) -> None:
    class Quick(FakeSession):
        def replay(self, keys: Document, customer: str | None, progress=None, sampled=None) -> Document:
            sampled(Sample(msgspec.structs.replace(super().replay(keys, customer), customers=142), 2013))
            return super().replay(keys, customer)

    async with started("large", session=Quick()) as driver:
        await driver.press("3")
        assert "sample" not in driver.text
        assert "17.8 %" in driver.text


async def test_replays_are_made_ready_when_the_screen_opens_not_before(started: Started) -> None:
    async with started() as driver:
        assert ("ready",) not in driver.session.asked
        await driver.press("3")
        assert ("ready",) in driver.session.asked

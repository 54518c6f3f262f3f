"""The curve, the senders and the inbox on the Rules screen; proposals from the customer's."""

import time
from dataclasses import replace
from itertools import count

import pytest
from textual.widgets import Input
from textual_plot.plot_widget import ErrorBarPlot, ScatterPlot

from audit.errors import InputError, NotPermittedError
from tests.tui.canned import RULE, FakeSession
from tests.tui.conftest import SIZES, Driver, Started
from tests.tui.test_rules_screen import changes, field, typed
from tui.rendering.charts import CURRENT, SIGNS
from tui.rendering.replay_summary import curve_lines
from tui.screens.dialogs import Choice, Line, Question
from tui.screens.inbox import InboxDialog
from tui.screens.rule_dialogs import SuggestionDialog, VendorDialog
from tui.screens.rules import RulesScreen
from tui.session.view_models import ProposalCase
from tui.widgets import rule_form
from tui.widgets.cap_plot import CapPlot
from tui.widgets.replay_panes import CurvePane


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_form, "PAUSE", 0.01)


def asked(driver: Driver, name: str) -> list[tuple[object, ...]]:
    return [one for one in driver.session.asked if one[0] == name]


async def note(driver: Driver, text: str) -> None:
    """Type a note and be done."""
    assert isinstance(driver.app.screen, Line)
    driver.app.screen.query_one(Input).value = text
    await driver.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_the_curve_marks_the_rule_as_it_stands_and_tells_its_figures(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("3", "c")
        assert "[3]" in driver.text
        assert "by limit ● stopped ■ responses lost ▲ orders lost" in driver.words
        assert "now [3] stopped 20.0 % (200 of 1,000; 17.6–22.6 %)" in driver.words
        await driver.press("c")
        assert "[7d]" in driver.text
        assert "by window" in driver.text


async def test_the_curve_follows_what_is_typed_and_is_not_drawn_where_nobody_sees_it(
    started: Started,
) -> None:
    async with started("small") as driver:
        await driver.press("3")
        assert asked(driver, "curve") == []
        await driver.press("c")
        assert [one[2] for one in asked(driver, "curve")] == ["limit"]
    async with started("large") as driver:
        await driver.press("3")
        await typed(driver, "limit", "5")
        assert asked(driver, "curve")[-1][1]["limit"] == 5
        assert "[5]" in driver.text


def drawn(driver: Driver) -> dict[str, list[float]]:
    """What the plot shows, mark by mark."""
    marked = [made for made in driver.app.screen.query_one(CapPlot)._datasets if type(made) is ScatterPlot]
    return {made.marker: [round(float(share), 4) for share in made.y] for made in marked}


async def test_the_plot_shows_the_shares_of_the_sweep_and_their_intervals(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("3")
        shown = driver.app.screen.query_one(CurvePane).drawing.curve
        for series in shown.series:
            assert drawn(driver)[SIGNS[series.id]] == [round(share, 4) for share in series.shares]
        assert drawn(driver)[CURRENT] == [0.2]
        plot = driver.app.screen.query_one(CapPlot)
        bars = [made for made in plot._datasets if isinstance(made, ErrorBarPlot)]
        ends = [(y - half, y + half) for bar in bars for y, half in zip(bar.y, bar.yerr, strict=True)]
        told = [ends for series in shown.series for ends in zip(series.low, series.high, strict=True)]
        assert ends == [pytest.approx(one) for one in told]


async def test_keys_take_the_rules_point_to_another_limit_as_typing_does(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("3", "c", "right", "right")
        assert field(driver, "limit").value == "5"
        assert asked(driver, "replay")[-1][1]["limit"] == 5
        assert "[5]" in driver.text
        await driver.press("left")
        assert asked(driver, "replay")[-1][1]["limit"] == 4
        await driver.press("c", "right")
        assert field(driver, "window").value == "14d"
        assert driver.app.screen.unsaved


async def test_the_mouse_drags_the_rules_point_and_the_axis_waits_until_it_is_let_go(
    started: Started,
) -> None:
    async with started("large") as driver:
        await driver.press("3")
        plot = driver.app.screen.query_one(CapPlot)

        def over(label: int) -> tuple[int, int]:
            region = plot.query_one("#plot").region
            return region.x - plot.region.x + plot.get_pixel_from_coordinate(label - 1, 0)[0], 4

        await driver.pilot.mouse_down(plot, offset=over(3))
        await driver.pilot.hover(plot, offset=over(6))
        await driver.settle()
        assert "now [6]" in driver.words
        assert plot.dragging
        await driver.until(lambda: asked(driver, "curve")[-1][1]["limit"] == 6)
        await driver.pilot.mouse_up(plot, offset=over(7))
        await driver.settle()
        assert not plot.dragging
        assert field(driver, "limit").value == "7"
        assert asked(driver, "replay")[-1][1]["limit"] == 7
        assert "now [7]" in driver.words


async def test_the_curve_as_text_holds_every_figure_of_it(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("3")
        shown = driver.app.screen.query_one(CurvePane).drawing
    told = list(curve_lines(shown))
    assert told[0] == "by limit, of 1,000 messages to 2,013 customers; ranges are 95 % intervals"
    assert told[3] == (
        "limit 3 (the rule as it stands): stopped 20.0 % (200 of 1,000; 17.6–22.6 %); responses lost 20.0 % "
        "(20 of 100; 13.3–28.9 %); orders lost 5.7 % (3 of 53; 1.9–15.4 %)"
    )
    assert len(told) == 1 + len(shown.curve.labels)


async def test_a_kind_without_limit_or_window_says_that_it_has_no_curve(started: Started) -> None:
    class Flat(FakeSession):
        def curve(self, keys, by, progress, drawn):
            raise InputError("no curve: a sunset rule has neither a limit nor a window")

    async with started("large", session=Flat()) as driver:
        await driver.press("3")
        assert "no curve: a sunset rule has neither" in driver.words


async def test_a_curve_of_a_sample_says_so_until_the_whole_is_there(started: Started) -> None:
    class Slow(FakeSession):
        def curve(self, keys, by, progress, drawn):
            made = super().curve(keys, by, progress, drawn)
            drawn(made.__class__(made.curve, made.current, "sample: 142 of 2,013 customers"))
            for done in count(step=100):
                progress(min(done, 999), 1_000)
                time.sleep(0.01)
            return made

    async with started("large", session=Slow()) as driver:
        await driver.pilot.press("3")
        await driver.until(lambda: "sample: 142 of 2,013 customers" in driver.text)
        await driver.until(lambda: "99 % · Esc stops" in driver.text)
        await driver.press("escape")
        assert "The curve was stopped" in driver.text
        assert isinstance(driver.app.screen, RulesScreen)


async def test_the_same_rule_as_a_sender_would_keep_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "p")
        assert isinstance(driver.app.screen, Choice)
        await driver.press("enter")
        assert isinstance(driver.app.screen, VendorDialog)
        assert asked(driver, "compare_with_vendor")[-1][2] == "braze"
        for part in ("2,140 of 1,204,511 messages differ", "512 people", "3 in 7d → 3 in 7 calendar days",
                     "stopped by the exact rule alone", "What no rule here can say", "https://braze.com/docs"):  # fmt: skip
            assert part in driver.words


async def test_what_a_sender_does_not_have_is_said_where_the_comparison_would_stand(started: Started) -> None:
    class Lacking(FakeSession):
        def compare_with_vendor(self, keys, vendor, progress):
            raise InputError("no frequency_cap or min_gap is switched on; Braze's semantics are about these")

    async with started(session=Lacking()) as driver:
        await driver.press("3", "p", "enter")
        assert "Braze's semantics are about these" in driver.words


async def test_what_is_proposed_stands_in_the_list_with_its_sign_and_is_replayed(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "G")
        assert "? proposed: sunset-kindle p1" in driver.words
        assert "1 proposed" in driver.text
        assert asked(driver, "replay")[-1][1]["id"] == "sunset-kindle"
        await driver.press("f2")
        assert "answered in the inbox" in driver.words


@pytest.mark.parametrize("size", SIZES)
async def test_the_inbox_groups_by_campaign_with_heads_and_replays_one(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press("3", "i")
        assert isinstance(driver.app.screen, InboxDialog)
        for part in (
            "kindle-specials: 2 proposals, 1 customer, 1 ticket",
            "ticket 4711",
            "unengaged: 5",
            "again (Nail clipper)",
        ):
            assert part in driver.words
        await driver.press("enter")
        assert asked(driver, "replay")[-1][1:] == (
            {"id": "sunset-kindle", "kind": "sunset", "unengaged": 5},
            None,
        )
        driver.app.screen.query_one("#asked").scroll_end(animate=False)
        await driver.settle()
        assert "a past that was no experiment" in driver.words or "17.8 %" in driver.words


async def test_approving_takes_a_plan_a_yes_and_a_note(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "i", "a")
        assert isinstance(driver.app.screen, Question)
        await driver.press("n")
        assert changes(driver) == []
        await driver.press("a", "y")
        await note(driver, "agreed")
        ((_, change, said),) = asked(driver, "apply")
        assert (change.kind, change.id, said) == ("approve", "p1", "agreed")
        await driver.press("escape")
        assert "proposed: sunset-kindle" not in driver.text


async def test_rejecting_needs_a_note_and_escape_leaves_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "i", "r", "enter")
        assert isinstance(driver.app.screen, Line)
        await driver.press("escape")
        assert asked(driver, "reject") == []
        await driver.press("r")
        await note(driver, "too wide")
        assert asked(driver, "reject") == [("reject", "p1", "too wide")]


async def test_an_export_is_not_approved_here(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "i", "G", "a")
        assert isinstance(driver.app.screen, InboxDialog)
        assert "whysent rules approve" in driver.words
        await driver.press("enter")
        assert "no one rule to replay" in driver.words


async def test_an_empty_inbox_says_so(started: Started) -> None:
    session = FakeSession()
    session.answered = {"p1", "p2"}
    async with started(session=session) as driver:
        await driver.press("3", "i")
        assert "Nothing waits." in driver.text


# -- from the customer's screen ------------------------------------------------------------------------------------


async def test_f_proposes_the_rule_of_the_finding_with_a_note(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "f", "p")
        await note(driver, "every week")
        ((_, rule, case),) = asked(driver, "propose")
        assert rule == RULE
        assert case == ProposalCase("c_00000000", "repeat-after-purchase-beauty", "every week")
        assert "proposed as p3" in driver.words


async def test_f_is_about_the_finding_under_the_cursor(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("enter", "shift+tab", "j", "f")
        assert "no rule is suggested for this" in driver.text
        await driver.press("k", "f")
        assert isinstance(driver.app.screen, SuggestionDialog)


async def test_who_may_not_replay_over_everybody_sees_that_where_it_would_stand(started: Started) -> None:
    class Agent(FakeSession):
        def replay(self, keys, customer, progress=None, sampled=None):
            if customer is None:
                raise NotPermittedError("simulate: not in the role AGENT; ask somebody who holds another")
            return super().replay(keys, customer)

    async with started("large", session=Agent()) as driver:
        await driver.press("enter", "f")
        for part in ("On this customer", "On everybody", "simulate: not in the role AGENT"):
            assert part in driver.text


async def test_capital_x_proposes_to_leave_the_event_out_for_good(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "G", "X")
        assert isinstance(driver.app.screen, SuggestionDialog)
        assert "exclude_event" in driver.text
        await driver.press("p")
        await note(driver, "")
        ((_, rule, case),) = asked(driver, "propose")
        assert (rule["kind"], rule["events"], rule["customers"]) == (
            "exclude_event",
            ["o-1841"],
            ["c_00000000"],
        )
        assert case == ProposalCase("c_00000000")


async def test_what_would_stop_nothing_is_said_before_and_the_nearest_that_does_is_offered(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("enter", "X")
        assert isinstance(driver.app.screen, SuggestionDialog)
        assert "leaving it out would stop nothing. This leaves out what brought it about" in driver.words
        assert "o-1841" in driver.words
        await driver.press("escape", "G", "X")
        assert "It stops what nothing but this event brought about." in driver.words
        await driver.press("escape", "G", "k", "X")
        assert not isinstance(driver.app.screen, SuggestionDialog)
        assert "a rule that leaves it out would stop nothing; f shows the rule for: " in driver.words


async def test_for_somebody_who_died_capital_x_proposes_nothing_but_their_mute(started: Started) -> None:
    mute = {"id": "nothing-more-to-c-0", "kind": "mute", "title": "Nothing more", "customers": ["c_00000000"]}

    class Died(FakeSession):
        def picture(self, customer, without, *, whole=True):
            return replace(super().picture(customer, without, whole=whole), only_rule=mute)

    async with started(session=Died()) as driver:
        await driver.press("enter", "G", "X")
        assert "No other rule is offered here" in driver.text
        assert "exclude_event" not in driver.text
        await driver.press("p")
        await note(driver, "")
        assert [rule for _, rule, _ in asked(driver, "propose")] == [mute]


async def test_a_note_can_hold_any_letter(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "f", "p")
        for letter in "pqby?/":
            await driver.pilot.press(letter)
        await driver.settle()
        assert driver.app.screen.query_one(Input).value == "pqby?/"

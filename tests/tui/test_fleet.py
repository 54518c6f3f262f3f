"""Fleet: mails a person a week and the campaigns, worst first; who got a campaign as paired bars."""

import time
from itertools import count
from pathlib import Path

import pytest

from audit.errors import NotPermittedError
from audit.privacy.roles import Role, Viewer
from tests.tui.canned import FakeSession
from tests.tui.conftest import SIZES, Started
from tui.rendering import audience, bars
from tui.screens.dialogs import AROUND, AudienceScreen
from tui.screens.find import FindScreen
from tui.screens.fleet import FleetScreen
from tui.session.core import CoreSession
from tui.widgets.items import Items
from tui.widgets.table import Table


@pytest.mark.parametrize("size", SIZES)
async def test_the_campaigns_stand_worst_first_and_enter_shows_who_got_one(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("4")
        assert isinstance(driver.app.screen, FleetScreen)
        assert (
            "Browsed Nail clipper (browse-retarget): 120 findings of 110 people; 12,000 mails" in driver.words
        )
        await driver.until(lambda: "130 with a response, 100 bounced" in driver.words)
        await driver.press("enter")
        assert isinstance(driver.app.screen, AudienceScreen)
        await driver.press("escape", "escape")
        assert isinstance(driver.app.screen, FindScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_the_histogram_shows_every_bar_with_its_count_and_tells_one_in_words(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("4", "tab")
        assert "0 mails in a week: 52,000 of 89,403 weeks of people" in driver.words
        await driver.press("j")
        told = driver.session.pressure(lambda *_: None)
        table = driver.app.screen.query_one("#pressure", Table)
        shown = [table.rows.row(at)[1] for at in range(len(table.rows))]
        assert [row[2] for row in shown] == [bar.weeks for bar in told.bars]
        cells = table.rows.columns[1].width
        drawn = [table.rows.columns[1].show(row[1]) for row in shown]
        assert len(drawn[0]) == cells
        assert drawn[1] == "█" * (cells // 2) + "▌" * (cells % 2)
        assert drawn[-1] == "▏"
        assert "1 mail in a week: 26,000 of 89,403 weeks of people (29.1 %)" in driver.words
        assert "all senders, 52 weeks from 2025-11-17" in driver.words
        await driver.press("y")
        assert (
            "3–5 mails: 2,400 weeks of people (2.7 %), the heaviest week of 600 people"
            in driver.session.kept["pressure.txt"]
        )
        assert "52 weeks from 2025-11-17; " in driver.session.kept["pressure.txt"]


async def test_the_counting_can_be_stopped_and_says_how_far_it_is(started: Started) -> None:
    class Slow(FakeSession):
        def pressure(self, progress):
            for done in count(step=1):
                progress(min(done, 15), 16)
                time.sleep(0.01)

    async with started(session=Slow()) as driver:
        await driver.pilot.press("4")
        await driver.until(lambda: "counting weeks 93 % · Esc stops" in driver.text)
        await driver.press("escape")
        assert isinstance(driver.app.screen, FleetScreen)
        assert "stopped" in driver.words


@pytest.mark.parametrize("size", SIZES)
async def test_what_sets_recipients_apart_stands_as_paired_bars_with_its_figures_below(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("4", "enter", "j")
        assert "1,000 people got it; 2,000 others could have and did not" in driver.words
        items = driver.app.screen.query_one(Items)
        answer = driver.session.audience("x")
        width = SIZES[size][0] - AROUND
        assert width <= items.content_size.width
        pairs = list(audience.paired_bars(answer, width))
        cells = width - 30
        for fact, (_, drawn) in zip(answer.sets_apart, pairs, strict=True):
            for (_, bar, told), share in zip(drawn, (fact.recipients_share, fact.others_share), strict=False):
                assert abs(len(bar) - share * cells) <= 1
                assert told == f"{100 * share:.0f} %"
        assert "819 of 1,000 who got it, 12 days before (median); 100 of 2,000 others" in driver.words
        assert "16.4 times the share of the others (95 %: 12.0–20.0)" in driver.words
        await driver.press("y")
        assert "Nail clipper 4" in driver.session.kept["audience.txt"]


def test_the_histogram_adds_up_and_is_for_who_may_see_everybody(scenes: Path) -> None:
    session = CoreSession(scenes, Viewer(Role.ADMIN))
    told = session.customers.pressure(lambda *_: None)
    assert bars.pressure_frame(told)["share"].sum() == pytest.approx(1)
    assert sum(bar.people for bar in told.bars) == told.people
    with pytest.raises(NotPermittedError):
        CoreSession(scenes, Viewer(Role.AGENT, "4711")).customers.pressure(lambda *_: None)

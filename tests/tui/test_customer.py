"""Customer: the verdict first and never cut, the evidence one key away, and what falls away when an event is left out."""

from datetime import date

import pytest
from textual.pilot import Pilot

from audit.errors import NotFoundError
from tests.tui.canned import FakeSession
from tests.tui.conftest import SIZES, Driver, Started
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import AudienceScreen, Question
from tui.screens.report import ReportDialog
from tui.screens.rule_dialogs import SuggestionDialog
from tui.session.view_models import Change, ProposalCase, Subject
from tui.widgets.items import Items
from tui.widgets.table import Table
from tui.widgets.text import Head
from tui.widgets.timeline import WeekStrip

VERDICT = ("▲ high", "11 mails about Nail clipper since one was bought", "Could be: browse-retarget-beauty (7)",
           "Neither ends by itself.", "would have stopped 11 of 11")  # fmt: skip


def timeline(driver: Driver) -> Table:
    return driver.app.screen.query_one("#timeline", Table)


def marked(driver: Driver, mark: str) -> set[str]:
    return {key for key, name in timeline(driver).marks.items() if name == mark}


async def leave_out_the_order(driver: Driver) -> None:
    await driver.press("G", "x")


@pytest.mark.parametrize("size", SIZES)
async def test_the_verdict_and_the_rule_are_never_cut(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press("enter")
        flat = driver.words
        for part in VERDICT:
            assert part in flat


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (120, 36), (200, 60)])
async def test_the_verdict_fits_at_sizes_nobody_designed_for(started: Started, size: tuple[int, int]) -> None:
    long = FakeSession("Nail clipper with a very long name " * 3)
    async with started(session=long) as driver:
        await driver.pilot.resize_terminal(*size)
        await driver.press("enter")
        assert "would have stopped 11 of 11" in driver.words


@pytest.mark.parametrize("size", SIZES)
async def test_the_coverage_line_stands_in_the_heading(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press("enter")
        assert "data: orders to 21 Nov 2026 09:12 · mails to 20 Nov 23:59 · no opens" in driver.words


@pytest.mark.parametrize("size", SIZES)
async def test_a_week_of_the_strip_is_told_in_words_and_keys_and_clicks_go_to_its_rows(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press("enter", "g")
        strip = driver.app.screen.query_one(WeekStrip)
        assert strip.week.start == date(2026, 10, 19)
        assert "2026-10-19" in driver.words
        await driver.press("comma")
        assert (timeline(driver).key, strip.week.start) == ("m-10", date(2026, 9, 14))
        await driver.press("full_stop")
        assert strip.week.start == date(2026, 10, 19)
        await driver.press("G")
        assert strip.week.start == date(2025, 11, 3)
        assert "1 mail" in driver.words
        assert strip._drawn()[0].first == 0
        at = (strip.size.width - strip.content_size.width) // 2
        await driver.pilot.click(strip, offset=(at + 30 * strip._drawn()[0].cells, 1))
        await driver.settle()
        assert strip.week.start <= date(2026, 6, 1)
        assert timeline(driver).day(timeline(driver).key) < date(2026, 6, 8)


async def test_the_campaign_of_a_message_is_one_key_from_who_got_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "m", "A")
        assert isinstance(driver.app.screen, AudienceScreen)
        assert "Who got deals" in driver.words
        await driver.press("escape", "b", "A")
        assert not isinstance(driver.app.screen, AudienceScreen)


async def test_the_ticket_stands_in_the_heading(started: Started) -> None:
    async with started() as driver:
        driver.app.opening = driver.session.open().__class__("demo", 1, 1, "data", "agent", "4711")
        await driver.press("enter")
        assert "ticket 4711" in driver.text


async def test_it_begins_on_the_newest_message_of_the_worst_finding_and_explains_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter")
        assert timeline(driver).key == "m-11"
        assert ("explain", "c_00000000", Subject("message", "m-11"), ()) in driver.session.asked
        assert "inferred: could be; all candidates are listed" in driver.text
        assert marked(driver, "evidence") == {"o-1841", "v-1"}


async def test_moving_through_the_explanation_points_at_the_events_behind_each_sentence(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("enter", "tab", "j")
        assert marked(driver, "evidence") == {"o-1841"}
        await driver.press("j", "j")
        assert marked(driver, "evidence") == {"v-1"}


async def test_an_event_says_what_rests_on_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "G")
        assert "segment: Interested in Nail clipper" in driver.text
        assert "finding: Mails about what was just bought" in driver.text


async def test_x_strikes_through_at_once_everything_that_falls_away_and_marks_what_is_new(
    started: Started,
) -> None:
    async with started("large") as driver:
        await driver.press("enter")
        await leave_out_the_order(driver)
        assert driver.session.asked.count(("picture", "c_00000000", ("o-1841",))) == 1
        assert marked(driver, "out") == {"o-1841"}
        assert marked(driver, "gone") == {"m-7", "m-8"}
        for gone in ("- Interested in Nail clipper", "- Nail clipper file set", "- ▲ high", "+ New customer"):
            assert gone in driver.text
        assert "1 event left out" in driver.text


async def test_x_again_puts_it_back_and_everything_returns(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("enter")
        before = driver.app.screen.query_one("#segments", Items).options
        await leave_out_the_order(driver)
        await driver.press("x")
        assert not marked(driver, "out") | marked(driver, "gone")
        after = driver.app.screen.query_one("#segments", Items).options
        assert [str(option.prompt) for option in after] == [str(option.prompt) for option in before]


async def test_a_message_is_left_out_with_everything_that_happened_to_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "x")
        assert ("picture", "c_00000000", ("m-11", "open-11")) in driver.session.asked


async def test_the_timeline_can_be_narrowed_and_says_how_much_is_hidden(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "m")
        assert timeline(driver).border_subtitle.endswith("of 11 · 14 in all")
        await driver.press("b")
        assert timeline(driver).border_subtitle.endswith("of 3 · 14 in all")
        await driver.press("a")
        assert timeline(driver).border_subtitle.endswith("of 14")


async def test_tab_goes_through_every_pane_at_every_size(started: Started) -> None:
    for size in SIZES:
        async with started(size) as driver:
            await driver.press("enter")
            seen = [driver.app.screen.pane]
            for _ in range(5):
                await driver.press("tab")
                seen.append(driver.app.screen.pane)
                assert driver.app.focused.region.height > 0
            assert seen == ["timeline", "why", "segments", "recommendations", "findings", "timeline"]


async def test_a_small_terminal_shows_one_thing_at_a_time_and_a_click_brings_another(
    started: Started,
) -> None:
    async with started("small") as driver:
        await driver.press("enter")
        assert "In-market: autos" not in driver.text
        await click_on(driver.pilot, driver, "Segments 2")
        assert "In-market: autos" in driver.text
        assert not timeline(driver).region.height


async def click_on(pilot: Pilot, driver: Driver, text: str) -> None:
    row = next(at for at, line in enumerate(driver.text.splitlines()) if text in line)
    column = driver.text.splitlines()[row].index(text)
    await pilot.click(offset=(column + 1, row))
    await driver.settle()


async def test_choosing_a_segment_explains_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "tab", "tab", "j")
        assert ("explain", "c_00000000", Subject("segment", "autos"), ()) in driver.session.asked


async def test_recommendations_say_what_the_customer_saw_and_what_only_we_made(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("enter", "tab", "tab", "tab", "j")
        assert "shown to them (1)" in driver.text
        assert "our reconstruction; the customer" in driver.text
        assert ("explain", "c_00000000", Subject("item", "i-1"), ()) in driver.session.asked


async def test_choosing_a_finding_shows_its_proof_and_its_sources(started: Started) -> None:
    async with started("large") as driver:
        await driver.press("enter", "shift+tab")
        assert "after house value: five in a year" in driver.text
        assert len(marked(driver, "evidence")) == 12


async def test_f_shows_the_rule_with_its_replay_and_b_puts_it_into_the_book_only_after_a_yes(
    started: Started,
) -> None:
    async with started("large") as driver:
        await driver.press("enter", "f")
        assert isinstance(driver.app.screen, SuggestionDialog)
        assert "On this customer" in driver.text
        assert "On everybody" in driver.text
        await driver.press("b")
        assert isinstance(driver.app.screen, Question)
        await driver.press("n")
        assert not [asked for asked in driver.session.asked if asked[0] == "apply"]
        await driver.press("b", "y")
        ((_, change, _),) = [asked for asked in driver.session.asked if asked[0] == "apply"]
        assert isinstance(change, Change)
        assert (change.kind, change.keys["enabled"]) == ("add", False)


async def test_the_report_changes_kind_and_language_and_can_be_exported(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "R")
        assert isinstance(driver.app.screen, ReportDialog)
        assert "internal · en" in driver.text
        await driver.press("r", "l", "e")
        assert "reply · de" in driver.text
        assert list(driver.session.kept) == ["reply-de-c_00000000.txt"]
        assert "/exports/reply-de-c_00000000.txt" in driver.text
        await driver.press("l")
        assert "reply · fr" in driver.text
        await driver.press("r")
        assert "internal · en" in driver.text, "notes are not written in French"
        await driver.press("r")
        assert "reply · fr" in driver.text


async def test_in_a_report_the_next_finding_is_answered_and_what_is_missing_is_proposed(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("enter", "R")
        assert "1 of 2, n: the next" in driver.text
        assert "Nothing is proposed for this yet. f proposes: At most three" in driver.text
        await driver.press("n")
        assert "Eleven mails, f_2." in driver.text
        await driver.press("f", *"why", "enter")
        ((_, rule, case),) = [asked for asked in driver.session.asked if asked[0] == "propose"]
        assert (rule["id"], case) == ("cap", ProposalCase("c_00000000", "f_2", "why"))
        assert "Nothing is proposed" not in driver.text
        await driver.press("y")
        assert "Eleven mails" not in driver.app.clipboard
        await driver.press("f")
        assert len([asked for asked in driver.session.asked if asked[0] == "propose"]) == 1


async def test_copying_the_verdict_says_so_and_keeps_it_in_a_file(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "y")
        assert "11 mails about Nail clipper" in driver.app.clipboard
        assert "copied the verdict, masked" in driver.text
        assert "m•••@•••.de" not in driver.app.clipboard


async def test_without_a_customer_it_says_how_to_choose_one(started: Started) -> None:
    async with started() as driver:
        await driver.press("2")
        assert "No customer is open" in driver.text
        await driver.press("x", "f", "R", "w", "m", "y", "e")
        assert driver.app.is_running


async def test_nothing_of_one_customer_stands_under_anothers_name_and_a_late_answer_replaces_none(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("enter")
        screen = driver.app.screen
        old = screen.case.now
        screen.open_customer("c_00000005")
        assert not any(items.option_count for items in screen.query(Items))
        assert not screen.timeline.rows and not screen.query_one(WeekStrip).weeks
        assert not screen.timeline.border_subtitle and screen.timeline.border_title == "Timeline"
        await driver.settle()
        screen.show_verdict(old, old.verdict)
        await driver.settle()
        assert screen.case.now.customer == "c_00000005"
        assert "would have stopped 11 of 11" in driver.words


@pytest.mark.parametrize("size", SIZES)
async def test_tried_rules_strike_what_they_stop_and_say_why_beside_it(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press("enter", "t")
        assert marked(driver, "stopped") == {"m-11", "m-9"}
        assert marked(driver, "deferred") == {"m-10"}
        row = next(line for line in driver.text.splitlines() if "✗" in line)
        assert "stopped by Nail clipp" in row
        assert "deferred to 2026-09" in driver.words
        assert ("2 stopped, 1 deferred" in driver.text) == (size != "small")
        whole = driver.app.screen.query_one(Head).says.plain
        assert (
            "2 rules of the book: stopped by Nail clipper: 3 messages had gone out in the 7 days before it, and 3 may"
            in whole
        )
        await driver.press("t")
        assert marked(driver, "stopped") == marked(driver, "deferred") == set()
        assert "stopped by" not in driver.text


async def test_esc_ends_what_is_tried_and_shows_everything_again_before_it_leaves_the_case(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("enter", "t", "b", "escape")
        assert marked(driver, "stopped") == set()
        assert "behaviour only" in driver.text
        await driver.press("escape")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert "behaviour only" not in driver.text
        await driver.press("escape")
        assert not isinstance(driver.app.screen, CustomerScreen)


async def test_the_reason_beside_a_stopped_mail_is_not_struck_through(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "j", "t")
        table = timeline(driver)
        (at,) = [at for at in range(3) if table.rows.row(at)[0] == "m-11"]
        struck = {
            segment.text.strip(): bool(segment.style.strike)
            for segment in table.render_line(at + 1)
            if segment.text.strip()
        }
        assert {text: mark for text, mark in struck.items() if "deals" in text or "stopped" in text} == {
            "Nail clipper deals": True,
            next(text for text in struck if text.startswith("stopped")): False,
        }


async def test_rules_are_tried_again_without_what_is_left_out(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "t", "G", "x")
        asked = [one[2] for one in driver.session.asked if one[0] == "try_rules"]
        assert asked == [(), ("o-1841",)]
        assert "stopped by Nail clipp" in driver.text


async def test_where_no_rule_can_be_tried_that_is_said_and_nothing_is_marked(started: Started) -> None:
    class Bare(FakeSession):
        def try_rules(self, customer, without, suggested):
            raise NotFoundError("no rule is switched on in the book, and none is suggested here")

    async with started(session=Bare()) as driver:
        await driver.press("enter", "t")
        assert "no rule is switched on" in driver.text
        assert not driver.app.screen.case.trying

"""What the data covers: sources, kinds and gaps, whichever way the events came in."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.events.schema import KINDS
from audit.population import coverage
from audit.population.coverage import Coverage
from tests.build import events

FIRST = date(2026, 1, 1)


def noon(day: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)


def view(
    day: int, source: str = "shop", kind: str = "product_viewed", filled: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"kind": kind, "at": noon(day), "source_name": source, **(filled or {})}


def summary(*rows: dict[str, Any]) -> Coverage:
    return coverage.summarize(coverage.daily(events(*rows)))


def gaps_of(*days: int) -> list[tuple[int, int]]:
    """The gaps of one source with an event on each of `days`, counted from the first of January."""
    found = summary(*(view(day) for day in days)).gaps
    return [((first - FIRST).days, (last - FIRST).days) for first, last in found]


# -- gaps -------------------------------------------------------------------------------------------------------------


def test_three_silent_days_of_a_daily_source_are_a_gap() -> None:
    assert gaps_of(*range(50), *range(53, 100)) == [(50, 52)]


def test_one_silent_day_of_a_daily_source_is_none() -> None:
    assert gaps_of(*range(50), *range(51, 100)) == []


@pytest.mark.parametrize("days", [(0,), (0, 1, 2, 3, 4), (0, 1), (0, 6)], ids=str)
def test_a_pattern_of_the_week_is_no_gap(days: tuple[int, ...]) -> None:
    assert gaps_of(*(7 * week + day for week in range(52) for day in days)) == []


def test_four_silent_months_of_a_weekly_source_are_a_gap() -> None:
    weeks = [week for week in range(200) if not 100 <= week < 116]
    assert gaps_of(*(7 * week for week in weeks)) == [(7 * 99 + 1, 7 * 116 - 1)]


@pytest.mark.parametrize("days", [(), (0,), (0, 300)], ids=["none", "one", "two"])
def test_too_little_to_tell_is_no_gap(days: tuple[int, ...]) -> None:
    assert gaps_of(*days) == []


def test_another_source_does_not_hide_a_gap() -> None:
    shop = [view(day) for day in range(100) if not 50 <= day < 60]
    mailer = [view(day, "mailer", "message_sent") for day in range(100)]
    assert summary(*shop, *mailer).gaps == ((date(2026, 2, 20), date(2026, 3, 1)),)


def test_in_a_gap_only_what_its_source_records_may_be_missing() -> None:
    shop = [view(day) for day in range(100) if not 50 <= day < 60]
    mailer = [view(day, "mailer", "message_sent") for day in range(100)]
    made = summary(*shop, *mailer)
    assert made.gaps_of(["product_viewed", "message_clicked"]) == made.gaps
    assert made.gaps_of(["message_sent"]) == ()
    assert made.missing_in(made.gaps[0], ["message_sent", "product_viewed"]) == ("product_viewed",)


def test_what_a_source_records_later_says_nothing_of_its_days_before() -> None:
    """As found in real data: mailings every three weeks, and from a later day on coupons handed in nearly every day."""
    mailed = [view(day, "campaigns", "message_sent") for day in (0, 22, 44, 97, 120, 150, 180, 220)]
    handed_in = [view(day, "campaigns", "message_clicked") for day in range(48, 240)]
    assert summary(*mailed, *handed_in).gaps == ()
    silent = [row for row in handed_in if not 100 <= (row["at"].date() - FIRST).days < 110]
    assert summary(*mailed, *silent).gaps == ((date(2026, 4, 11), date(2026, 4, 20)),)


def test_of_somebody_no_gap_is_told_that_ends_before_their_first_event() -> None:
    known = summary(*(view(day) for day in range(100) if not 50 <= day < 60))
    assert known.since(noon(60)).gaps == ()
    assert known.since(noon(59)).gaps == known.since(None).gaps == known.gaps


def test_kinds_of_one_source_share_its_days() -> None:
    assert summary(*(view(day, kind=KINDS[day % 3]) for day in range(100))).gaps == ()


def expected_gaps(days: set[int]) -> list[tuple[int, int]]:
    """The gaps by the formula in whole numbers: a silence of k among n days, of which s are silent, is one where
    n·((s + 1) / (n + 1))^k < 1/100.
    """
    ordered = sorted(days)
    span = ordered[-1] - ordered[0] + 1
    share = Fraction(span - len(ordered) + 1, span + 1)
    return [
        (before + 1, after - 1)
        for before, after in pairwise(ordered)
        if span * share ** (after - before - 1) < Fraction(1, 100)
    ]


@pytest.mark.parametrize(
    ("silence", "shortest"),
    [(2, 898), (3, 79), (4, 39), (5, 29)],
    ids=["two days", "three days", "four days", "five days"],
)
def test_a_silence_is_a_gap_from_that_length_of_history_on(silence: int, shortest: int) -> None:
    for span in (shortest - 1, shortest, shortest + 1):
        days = {*range(10), *range(10 + silence, span)}
        gap = [(10, 9 + silence)] if span >= shortest else []
        assert expected_gaps(days) == gaps_of(*days) == gap, span


@pytest.mark.parametrize("scattered", [1, 2, 5])
def test_other_silent_days_make_a_silence_less_telling(scattered: int) -> None:
    outcomes = set()
    for span in range(46, 110):
        days = {*range(10), *range(14, span)} - {20 + 4 * number for number in range(scattered)}
        outcomes.add((expected_gaps(days) == [(10, 13)], gaps_of(*days) == expected_gaps(days)))
    assert outcomes == {(False, True), (True, True)}


@given(st.sets(st.integers(0, 60), min_size=1))
def test_gaps_are_those_of_the_formula_in_whole_numbers(days: set[int]) -> None:
    assert gaps_of(*days) == expected_gaps(days)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_days_missing_by_chance_are_hardly_ever_called_a_gap(share: float) -> None:
    chance = random.Random(20260101)
    histories = [[day for day in range(365) if chance.random() < share] for _ in range(200)]
    called = sum(bool(gaps_of(*days)) for days in histories)
    assert called <= 0.02 * len(histories)


# -- sources, kinds ---------------------------------------------------------------------------------------------------


def test_sources_have_their_newest_event_and_kinds_their_span() -> None:
    made = summary(view(0), view(3), view(2, "mailer", "message_sent"), {**view(1), "source_name": None})
    assert made.sources == {"mailer": noon(2), "shop": noon(3), "unnamed": noon(1)}
    span = made.kinds["product_viewed"]
    assert (span.first, span.last, span.rows) == (noon(0), noon(3), 3)
    assert set(made.kinds) | set(made.absent) == set(KINDS)
    assert not set(made.kinds) & set(made.absent)


def test_it_holds_only_kinds_of_which_there_is_an_event() -> None:
    made = summary(view(0), view(0, kind="message_sent"))
    assert made.holds("product_viewed", "message_sent")
    assert not made.holds("product_viewed", "message_opened")


def test_a_day_begins_at_midnight_utc() -> None:
    late = {"kind": "product_viewed", "at": "2026-01-01T23:59:59.999999"}
    early = {"kind": "product_viewed", "at": "2026-01-02T00:00"}
    assert coverage.daily(events(late, early))["day"].to_list() == [date(2026, 1, 1), date(2026, 1, 2)]


# -- several imports --------------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(
        view,
        st.integers(0, 120),
        st.sampled_from(["shop", "mailer", None]),
        st.sampled_from(["product_viewed", "message_sent", "order_completed"]),
        st.sampled_from([{}, {"gift": True}, {"recipient": "r", "reason": "late"}]),
    ),
    min_size=1,
    max_size=60,
)


@given(ROWS, st.data())
def test_the_sum_of_two_imports_is_one_import(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = events(*rows)
    in_first = pl.Series(data.draw(st.lists(st.booleans(), min_size=whole.height, max_size=whole.height)))
    first, second = coverage.daily(whole.filter(in_first)), coverage.daily(whole.filter(~in_first))
    assert coverage.add(first, second).equals(coverage.daily(whole))
    assert coverage.summarize(coverage.add(second, first)) == coverage.summarize(coverage.daily(whole))


@given(ROWS)
def test_a_gap_is_silent_and_has_an_event_on_either_side(rows: list[dict[str, Any]]) -> None:
    days: dict[str | None, set[date]] = {}
    for row in rows:
        days.setdefault(row["source_name"], set()).add(row["at"].date())
    one = timedelta(days=1)
    for first, last in summary(*rows).gaps:
        silence = {first + one * at for at in range((last - first).days + 1)}
        assert silence
        assert any({first - one, last + one} <= own and not silence & own for own in days.values())


@given(ROWS)
def test_it_comes_back_out_of_its_own_json(rows: list[dict[str, Any]]) -> None:
    made = summary(*rows)
    assert coverage.of_document(made.document()) == replace(made, marks=frozenset())


# -- where a source ends ----------------------------------------------------------------------------------------------


def ends_of(*rows: dict[str, Any], at: int | None = None) -> dict[str, datetime]:
    moment = None if at is None else noon(at)
    return dict(coverage.summarize(coverage.daily(events(*rows)), moment).ends)


def test_orders_that_stop_while_the_mails_go_on_end_with_the_last_order() -> None:
    orders = [view(day, "shop", "order_completed") for day in range(30)]
    mails = [view(day, "mail log", "message_sent") for day in range(200)]
    assert ends_of(*orders, *mails) == {"order_completed": noon(29)}


def test_what_comes_once_a_week_has_not_ended_after_ten_days() -> None:
    orders = [view(day, "shop", "order_completed") for day in range(0, 100, 7)]
    mails = [view(day, "mail log", "message_sent") for day in range(109)]
    assert ends_of(*orders, *mails) == {}


def test_one_order_says_nothing_of_the_half_year_after_it() -> None:
    rows = [view(0, "shop", "order_completed"), view(200, "mail log", "message_sent")]
    assert ends_of(*rows) == {"order_completed": noon(0)}


def test_a_source_that_takes_over_goes_on() -> None:
    old = [view(day, "old shop", "order_completed") for day in range(30)]
    new = [view(day, "new shop", "order_completed") for day in range(30, 200)]
    assert ends_of(*old, *new) == {}


def test_a_no_comes_once_and_does_not_end() -> None:
    rows = [view(0, "shop", "unsubscribed"), *(view(day, "mail log", "message_sent") for day in range(200))]
    assert ends_of(*rows) == {}


def test_what_is_asked_for_later_than_the_data_is_beyond_its_end() -> None:
    mails = [view(day, "mail log", "message_sent") for day in range(100)]
    assert ends_of(*mails, at=100) == {}
    assert ends_of(*mails, at=130) == {"message_sent": noon(99)}
    made = coverage.summarize(coverage.daily(events(*mails)), noon(130))
    assert made.known_through(("message_sent", "unsubscribed"), noon(90), noon(130)) == noon(99)
    assert made.known_through(("message_sent",), noon(10), noon(50)) == noon(50)
    assert made.known_through(("message_sent",), noon(120), noon(130)) == noon(120), "nothing of it"


def test_a_source_tells_of_its_kinds_as_long_as_it_goes_on() -> None:
    views = [view(day) for day in range(200)]
    assert ends_of(*views, view(0, "shop", "order_completed")) == {}
    regular = [view(day, "shop", "order_completed") for day in range(40)]
    assert ends_of(*views, *regular) == {"order_completed": noon(39)}
    mails = [view(day, "mail log", "message_sent") for day in range(300)]
    assert ends_of(*views, *mails, view(0, "shop", "order_completed")) == {
        "order_completed": noon(199),
        "product_viewed": noon(199),
    }


def test_what_has_no_source_tells_of_each_kind_by_itself() -> None:
    rows = [{"kind": "order_completed", "at": noon(0)}, {"kind": "message_sent", "at": noon(200)}]
    assert ends_of(*({**row, "source_name": None} for row in rows)) == {"order_completed": noon(0)}


def test_nothing_is_known_from_the_first_day_of_a_gap_on() -> None:
    made = summary(*(view(day) for day in (*range(50), *range(53, 100))))
    gap = datetime(2026, 2, 20, tzinfo=UTC)
    assert made.known_through(("product_viewed",), noon(10), noon(90)) == gap
    assert made.known_through(("product_viewed",), noon(60), noon(90)) == noon(90)
    assert made.known_through(("product_viewed",), noon(51), noon(90)) == noon(51)
    assert made.known_through(("order_completed",), noon(60), noon(90)) == noon(60), "it holds none at all"

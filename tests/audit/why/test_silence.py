"""None of this kind has come since: only as far as the log of messages goes on, and never across a gap."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit import findings
from audit.findings import catalogue
from audit.queries.reports import customer_facts
from audit.queries.reports.language import language
from audit.why.message_context import message_context
from audit.why.silence import Alike, Silence, silence_after, silence_after_finding, silence_of_campaign
from audit.why.wording import Wording
from tests.build import context, events

BEGIN = datetime(2026, 1, 1, 6, tzinfo=UTC)
LIMIT = catalogue.row("over-frequency").thresholds["week"]


def mails(*days: int) -> list[dict[str, object]]:
    return [
        {"kind": "message_sent", "customer_id": "c_2", "at": BEGIN + timedelta(days=day), "channel": "email"}
        for day in days
    ]


def silence(sent: list[datetime], *days: int) -> Silence | None:
    return silence_after(context(events(*mails(*days))), sent)


def at(day: int) -> datetime:
    return BEGIN + timedelta(days=day)


def test_none_has_come_since_where_the_log_goes_on_for_longer_than_any_pause_and_a_month() -> None:
    told = silence([at(0), at(20)], *range(60))
    assert told == Silence(at(20), at(59), over=True)
    assert (
        told.in_words == "None of this campaign has come since 2026-01-21; messages are known to 2026-03-01."
    )


def test_of_a_campaign_that_sent_but_one_message_no_end_is_told() -> None:
    def told(*campaigns: str) -> Silence | None:
        days = (0, 5, 60)
        sent = [
            {**mail, "message_id": f"m{n}", "campaign_id": name}
            for n, (mail, name) in enumerate(zip(mails(*days), campaigns, strict=True))
        ]
        frame = events(*sent)
        return silence_of_campaign(message_context(frame, context(frame), "m0", Wording()))

    assert told("a", "b", "c") is None
    assert told("a", "a", "c") == Silence(at(5), at(60), over=True)


@pytest.mark.parametrize(
    ("campaign", "told"), [("confirmation", ("campaign", 40)), ("news", ("marketing", 41))]
)
def test_what_is_no_marketing_is_not_told_as_the_last_of_it(campaign: str, told: tuple[str, int]) -> None:
    def sent(campaign_id: str, message_class: str, *days: int) -> list[dict[str, object]]:
        return [{**mail, "message_class": message_class, "campaign_id": campaign_id} for mail in mails(*days)]

    frame = events(
        *sent("confirmation", "transactional", 0, 40), *sent("news", "marketing", 1, 2), *sent("deals", "marketing", 41),
        *sent("receipt", "transactional", 100),
    )  # fmt: skip
    found = frame.filter(campaign_id=campaign)["event_id"].to_list()
    silence = silence_after_finding(context(frame), frame, found, alike="channel")
    assert silence is not None
    assert (silence.of, silence.since) == (told[0], at(told[1]))


def test_a_shorter_silence_is_none_that_one_could_tell() -> None:
    longest_pause = silence([at(0), at(45)], *range(80))
    month = silence([at(50)], *range(80))
    assert longest_pause is not None
    assert month is not None
    assert (longest_pause.over, month.over) == (False, False)


def test_a_log_that_ends_with_the_message_says_nothing_of_what_came_after() -> None:
    assert silence([at(59)], *range(60)) is None
    assert silence([], *range(60)) is None


def test_a_gap_is_told_and_the_records_after_it_too() -> None:
    told = silence([at(10)], *range(60), *range(90, 120))
    assert told is not None
    assert (told.since, told.until, told.over) == (at(10), at(119), True)
    assert told.in_words.endswith(
        "; messages are known to 2026-04-30, but some may be missing from 2026-03-02 to 2026-03-31."
    )
    (german,) = customer_facts.ends(language("de"), [], at(119), silence=told, messages="E-Mails")
    assert german == (
        "Seit dem 11. Januar 2026 ist keine dieser Art mehr gekommen; unsere Aufzeichnungen über Nachrichten reichen bis "
        "zum 30. April 2026, können aber vom 2. März 2026 bis zum 31. März 2026 unvollständig sein."
    )


def test_a_silence_up_to_a_gap_that_is_short_is_no_end() -> None:
    told = silence([at(50)], *range(60), *range(90, 120))
    assert told is not None
    assert not told.over


def test_the_last_time_that_too_many_came_is_not_the_last_message_that_a_cap_would_have_stopped() -> None:
    """A cap at five a week stops the last of nine days; with those it let pass the week is over the limit later still."""
    day = [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 17.2]
    late = [12.0, 12.1, 17.05]
    mailings = sorted([*day, *late])
    frame = events(
        *(
            {**MAIL, "event_id": f"m-{n}", "at": BEGIN + timedelta(days=when)}
            for n, when in enumerate(mailings)
        ),
        *mails(*range(90)),
    )
    own = frame.filter(customer_id="c_1")
    found = findings.find(own, context(frame), checks=["over-frequency"]).filter(case="week")
    (row,) = found.to_dicts()
    told = findings.finding(own, context(frame), row["id"]).document()
    over = [when for when in mailings if sum(when - 7 < other <= when for other in mailings) > LIMIT]
    assert told.none_since == BEGIN + timedelta(days=over[-1])
    assert told.none_since >= row["to"]


MAIL = {"kind": "message_sent", "channel": "email", "message_class": "marketing", "campaign_id": "deals"}


def found(alike: Alike, **later: object) -> tuple[bool, str]:
    """Whether a mail of day 10 is told to be the last of its sort, where a `later` one of day 20 came."""
    about = {"campaign_name": "Deals", "subject": "Your deals", "category": "Beauty > Nails > Clippers"}
    rows = {**MAIL, "event_id": "m", "at": at(10), **about}, {**MAIL, **about, "at": at(20), **later}
    frame = events(*rows, *mails(*range(90)))
    told = silence_after_finding(context(frame), frame.filter(customer_id="c_1"), ["m"], alike=alike)
    assert told is not None
    assert told.over
    return told.since == at(10), told.of


ANOTHER = {"campaign_id": "other"}


@pytest.mark.parametrize(
    ("alike", "later", "none_since", "called"),
    [
        ("campaign", {}, False, "campaign"),
        ("campaign", ANOTHER, True, "campaign"),
        ("matter", {**ANOTHER, "category": "Beauty > Nails > Polish"}, False, "matter"),
        ("matter", {**ANOTHER, "category": "Beauty > Hair"}, True, "matter"),
        ("channel", {**ANOTHER, "category": "Beauty > Hair"}, False, "marketing"),
        ("channel", {**ANOTHER, "channel": "sms"}, True, "marketing"),
        ("themselves", {}, True, "again"),
    ],
)
def test_what_came_no_more_is_called_by_what_is_looked_at(
    alike: Alike, later: dict[str, object], *, none_since: bool, called: str
) -> None:
    assert found(alike, **later) == (none_since, called)


def test_a_campaign_that_went_on_in_order_is_not_told_to_have_stopped() -> None:
    """Carts: a burst in May, and in July one reminder of another cart, as designed."""
    cart = {**MAIL, "campaign_id": "cart", "trigger": "cart", "item_id": "bag"}
    hours = [at(1) + timedelta(hours=n) for n in range(5)]
    frame = events(
        {"kind": "product_added", "item_id": "bag", "at": at(0)},
        *({**cart, "at": hour} for hour in hours),
        {"kind": "product_added", "item_id": "bag", "at": at(60)},
        {**cart, "at": at(61), "event_id": "in-order"},
        *mails(*range(120)),
    )
    own = frame.filter(pl.col("customer_id") == "c_1")
    (ident,) = findings.find(own, context(frame), checks=["cart-burst"])["id"]
    told = findings.finding(own, context(frame), ident).document()
    assert (told.none_since, told.none_of) == (hours[-1], "again")
    assert "of this kind" not in told.until_text
    assert "Since 2026-01-02 no reminder of this series has come too soon or too often;" in told.until_text


def test_every_check_of_how_messages_came_says_what_has_not_been_so_again() -> None:
    for check in findings.CHECKS.values():
        assert (check.alike == "themselves") == bool(check.again), check.id
        assert ("{since}" in check.again) == bool(check.again)

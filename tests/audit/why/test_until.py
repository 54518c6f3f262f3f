"""When a decision ends if nothing new happens: a day on which it ends indeed, or a word for why there is none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from audit import findings, flows, why
from audit.events.times import iso, parse_iso
from audit.why.expiry import End
from tests.bench import decided
from tests.bench import until as held
from tests.bench.populations import Population
from tests.build import context, events

BAG = {"item_id": "bag", "category": "Bags > Totes"}
MAIL = {
    "kind": "message_sent",
    "channel": "email",
    "message_class": "marketing",
    "campaign_id": "cart",
    **BAG,
}
CARTED = {"event_id": "in", "kind": "product_added", "at": "2026-03-01T10:00", **BAG}
LATER = {"event_id": "later", "kind": "access_requested", "at": "2026-03-01T20:00"}
SERIES = [
    {
        "id": "cart", "title": "Cart series", "campaigns": ["cart"], "trigger": "cart", "source": "test", "list": "offers",
        "step": [{"step": "1", "after": "3h", "leeway": "6h"}, {"step": "2", "after": "20h", "leeway": "12h"}],
    }
]  # fmt: skip
YES = {"event_id": "yes", "kind": "subscribed", "at": "2026-01-01", "channel": "email", "list_id": "offers"}


def told(*rows: dict[str, Any], defined: Any = SERIES, ident: str = "m") -> why.Explanation:
    frame = events(*rows)
    given = flows.from_json(flows.to_json(defined))
    return why.message(frame, replace(context(frame), flows=given), ident)


def test_a_series_ends_when_its_last_step_can_come_no_more() -> None:
    made = told(YES, CARTED, {**MAIL, "event_id": "m", "at": "2026-03-01T14:00"}, LATER)
    assert made.standing == "derived"
    assert (iso(made.until), made.end.why) == ("2026-03-02T18:00:00.000001Z", "series")
    assert made.document().to_json()["until_text"] == "It stops on 2026-03-02 if nothing new happens."


def test_a_series_is_over_with_its_last_step() -> None:
    steps = [
        {**MAIL, "event_id": f"m{n}", "at": at}
        for n, at in ((1, "2026-03-01T14:00"), (2, "2026-03-02T08:00"))
    ]
    made = told(YES, CARTED, *steps, ident="m2")
    assert (iso(made.until), made.end.why) == ("2026-03-02T08:00:00Z", "series")
    assert (
        made.document().to_json()["until_text"]
        == "By its definition no more about the same was due after 2026-03-02."
    )


def test_a_date_says_what_it_rests_on() -> None:
    mail = {**MAIL, "event_id": "m", "at": "2026-03-01T14:00"}
    assert told(YES, CARTED, mail, LATER).end.basis == "defined"
    ours = told(CARTED, {**mail, "trigger": "cart_abandoned"}, LATER, defined=[])
    assert ours.end.basis == "default"
    assert ours.document().until_text.endswith("nobody has said so for this workspace.")


def test_nobody_who_has_died_is_offered_to_unsubscribe() -> None:
    died = {"event_id": "died", "kind": "customer_deceased", "at": "2026-03-01T09:00"}
    mail = {**MAIL, "event_id": "m", "at": "2026-03-01T14:00"}
    for rows in ((mail,), (YES, {**mail, "list_id": "offers", "campaign_id": "letter"})):
        assert told(*rows).end.ends_with
        after = told(died, *rows)
        assert (after.end.ends_with, "nsubscrib" in after.document().until_text) == ((), False)


@pytest.mark.parametrize(
    "act",
    [
        {"kind": "order_completed", **BAG},
        {"kind": "unsubscribed", "channel": "email"},
    ],
)
def test_what_ended_it_since_is_when_it_ended(act: dict[str, Any]) -> None:
    since = {"event_id": "ends", "at": "2026-03-01T16:00", **act}
    made = told(YES, CARTED, {**MAIL, "event_id": "m", "at": "2026-03-01T14:00"}, since)
    assert (iso(made.until), made.end.why) == ("2026-03-01T16:00:00Z", "ended")


def test_an_act_after_the_message_keeps_it_going() -> None:
    again = {**CARTED, "event_id": "again", "at": "2026-03-01T19:00"}
    made = told(YES, CARTED, {**MAIL, "event_id": "m", "at": "2026-03-01T14:00"}, again)
    assert iso(made.until) == "2026-03-03T03:00:00.000001Z"


def test_a_broadcast_goes_on_as_long_as_the_customer_is_subscribed() -> None:
    letter = {**MAIL, "event_id": "m", "at": "2026-02-01", "campaign_id": "news", "list_id": "offers"}
    made = told(YES, letter, defined=[]).document().to_json()
    assert (made["standing"], made["until"], made["until_why"]) == ("broadcast", None, "subscribed")
    assert made["ends_with"][0] == "unsubscribed"
    assert made["until_text"] == "It goes on as long as the customer is subscribed; unsubscribing ends it."


@pytest.mark.parametrize(("at", "why_not"), [("2026-02-05", "ended"), ("2026-01-15", "said_no")])
def test_a_no_ends_a_broadcast_or_should_have(at: str, why_not: str) -> None:
    letter = {**MAIL, "event_id": "m", "at": "2026-02-01", "campaign_id": "news", "list_id": "offers"}
    made = told(YES, letter, {"kind": "unsubscribed", "at": at, "channel": "email"}, defined=[])
    assert made.end.why == why_not
    assert made.until == (parse_iso(at) if why_not == "ended" else None)


def test_a_no_that_others_of_the_campaign_came_after_has_ended_nothing() -> None:
    letter = {**MAIL, "event_id": "m", "at": "2026-02-01", "campaign_id": "news", "list_id": "offers"}
    no = {"kind": "unsubscribed", "at": "2026-02-05", "channel": "email"}
    made = told(YES, letter, no, {**letter, "event_id": "m2", "at": "2026-02-09"}, ident="m", defined=[])
    assert (made.end.why, made.until) == ("said_no", None)


def test_a_no_ends_a_flow_before_later_acts_do() -> None:
    mail = {**MAIL, "event_id": "m", "at": "2026-03-01T14:00", "list_id": None}
    no = {"event_id": "no", "kind": "unsubscribed", "at": "2026-03-01T16:00", "channel": "email"}
    again = {**CARTED, "event_id": "again", "at": "2026-03-01T19:00"}
    made = told(CARTED, {**mail, "trigger": "cart_abandoned"}, no, again, defined=[])
    assert (iso(made.until), made.end.why, made.end.basis) == ("2026-03-01T16:00:00Z", "ended", "recorded")


def test_of_what_no_definition_gives_no_day_is_named() -> None:
    bought = {"kind": "order_completed", "at": "2026-01-01", **BAG}
    made = (
        told(bought, {**MAIL, "event_id": "m", "at": "2026-02-01", "campaign_id": "deals"}, defined=[])
        .document()
        .to_json()
    )
    assert (made["standing"], made["until"], made["until_why"]) == ("inferred", None, "unknown")
    assert made["until_text"] == "Nothing in this data says when it stops. Unsubscribing should end it."


def test_a_segment_that_no_window_ends_names_the_act_that_does() -> None:
    frame = events({"kind": "order_completed", "at": "2026-01-01", **BAG})
    made = why.segment(frame, context(frame, "2026-10-01"), "lapsed").document().to_json()
    assert (made["until"], made["until_why"], made["ends_with"]) == (None, "lasting", ["order_completed"])
    assert made["until_text"] == "It goes on until something new ends it: orders."


@pytest.mark.parametrize(("recorded", "why_then"), [(False, "window"), (True, "logged")])
def test_what_the_log_has_stays_until_the_log_takes_it_back(recorded: bool, why_then: str) -> None:
    entered = {
        "kind": "segment_entered",
        "at": "2026-02-01",
        "segment_id": "new customers",
        "source": "observed",
    }
    frame = events({"kind": "order_completed", "at": "2026-01-20", **BAG}, *([entered] if recorded else []))
    made = why.segment(frame, context(frame, "2026-02-03"), "new-customer")
    assert (made.standing, made.end.why) == ("derived", why_then)


def mails(*days: int) -> list[dict[str, Any]]:
    return [
        {**MAIL, "event_id": f"m{n}", "at": f"2026-03-{day:02}T08:00", "subject": f"{n}"}
        for n, day in enumerate(days)
    ]


def test_a_finding_stays_and_says_until_when_one_more_would_count() -> None:
    frame = events(*mails(1, 2, 3, 4, 5, 6))
    ctx = context(frame)
    (ident,) = findings.find(frame, ctx, checks=["over-frequency"])["id"]
    made = findings.finding(frame, ctx, ident).document().to_json()
    assert (made["until"], made["until_why"]) == (None, "happened")
    assert made["counts_until"] == "2026-03-08T08:00:00Z"  # a week after the fifth from the end that fits
    assert made["until_text"].endswith("Our check would count one more of the same to it until 2026-03-08.")
    assert ident in set(findings.find(frame, context(frame, ctx.at + timedelta(days=3650)))["id"])


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (365, "It stops on 2027-03-01 at the latest if nothing new happens; others may push it out sooner."),
        (366, "Others may push it out any time; by itself it does not stop within a year."),
    ],
)
def test_no_day_is_told_for_which_one_would_wait_for_years(days: int, said: str) -> None:
    at = parse_iso("2026-03-01T00:00:00Z")
    assert End(at + timedelta(days=days), "at_latest", basis="defined").in_words(at) == said


def test_of_what_has_happened_it_is_said_when_the_last_of_it_came_and_nothing_else() -> None:
    frame = events(*mails(1, 2, 3, 4, 5, 6))
    later = {"kind": "message_sent", "event_id": "x", "at": "2026-03-20T08:00", "customer_id": "c_2"}
    ctx = context(events(*mails(1, 2, 3, 4, 5, 6), later))
    (ident,) = findings.find(frame, ctx, checks=["over-frequency"])["id"]
    made = findings.finding(frame, ctx, ident).document()
    assert made.none_since is None
    assert (
        made.until_text
        == "Since 2026-03-06 not so many have come in so short a time; messages are known to 2026-03-20."
    )


def some(person: decided.Person) -> Iterator[decided.Decision]:
    """All that was decided but messages, and the newest message of each campaign and step."""
    rows = person.events.filter(kind="message_sent").unique(
        ("campaign_id", "series_step"), keep="last", maintain_order=True
    )
    newest = set(rows["event_id"])
    return (one for one in person.decisions if one[0] in ("segment", "item") or one[1] in newest)


@pytest.mark.parametrize(
    ("population", "kinds"),
    [
        (Population("scenes", 1, 1), {"message", "segment", "item"}),
        (Population("unsaid", 1, 11), {"segment"}),
    ],
    ids=lambda one: one.name if isinstance(one, Population) else "",
)
def test_every_day_named_is_the_day_on_which_it_ends(population: Population, kinds: set[str]) -> None:
    named = []
    for person in decided.people_of(population):
        for decision in some(person):
            made = person.explained(decision)
            named += [decision[0]] if made.until is not None and made.until > made.at else []
            assert list(held.faults(person, decision, made)) == []
    assert kinds <= set(named)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('{"campaign_ends": "2026-04-19"}', "Its campaign ends on 2026-04-19."),
        ('{"campaign_ends": "2026-03-01T16:00"}', "Its campaign ended on 2026-03-01."),
        ('{"campaign_ends": "soon"}', "Nothing in this data says when it stops."),
        (None, "Nothing in this data says when it stops."),
    ],
)
def test_a_mailing_on_paper_ends_with_its_campaign_and_nobody_unsubscribes_from_it(
    attributes: str | None, said: str
) -> None:
    mailing = {"event_id": "m", "kind": "message_sent", "at": "2026-03-01T14:00", "channel": "mail"}
    made = told({**mailing, "campaign_id": "13", "attributes": attributes}, LATER, defined=[])
    assert made.document().until_text == said

"""What has to do with a decision and does not count is named, with why; and it does not count indeed."""

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from audit import findings, segments, why
from audit.findings import registry
from audit.findings.check import Check
from audit.population import stats
from audit.population.co_purchase import PAIRS
from audit.rules.model import from_dict
from audit.workspace.context import Context
from tests.bench import decided, soundness
from tests.bench.decided import Variant
from tests.bench.populations import Population
from tests.bench.soundness import Claim
from tests.build import context, events

NAILS = {"item_id": "clipper", "item_name": "Nail clipper", "category": "Beauty > Nails"}


def order(event_id: str, at: str, **columns: Any) -> dict[str, Any]:
    return {"event_id": event_id, "kind": "order_completed", "at": at, **columns}


def mail(event_id: str, at: str, **columns: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "kind": "message_sent",
        "at": at,
        "channel": "email",
        "campaign_id": "deals",
        **columns,
    }


def told(made: why.Explanation) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.text, one.events) for one in made.left_out]


def test_of_a_segment_what_its_definition_looks_at_and_does_not_rest_on() -> None:
    frame = events(*(order(f"o{n}", f"2026-0{n}-01", order_id=f"{n}") for n in range(1, 9)))
    lapsed = why.segment(frame, context(frame, "2027-06-01"), "lapsed")
    ((text, acts),) = told(lapsed)
    assert text.endswith("a newer one stands for them")
    assert acts == tuple(f"o{n}" for n in range(7, 0, -1))


def test_of_a_count_what_lies_before_its_window() -> None:
    old = order("old", "2026-01-01", order_id="old")
    frame = events(old, *(order(f"o{n}", f"2026-06-0{n}", order_id=f"{n}") for n in range(1, 6)))
    made = why.segment(frame, context(frame, "2026-06-06"), "frequent-buyer")
    assert told(made) == [
        ("bought something unnamed on 2026-01-01 00:00: more than 90 days ago: too long", ("old",))
    ]


def among_others(frame: pl.DataFrame) -> Context:
    """All that ends a membership is known up to the moment asked about."""
    kinds = ("order_completed", "product_removed", "unsubscribed")
    others = [{"kind": kind, "at": "2026-03-04", "customer_id": "c_9"} for kind in kinds]
    return context(pl.concat([frame, events(*others)]), "2026-03-04")


LETTER = {"kind": "subscribed", "list_id": "sport"}
ADDED = {"kind": "product_added", **NAILS}


@pytest.mark.parametrize(
    ("segment", "rows", "why_not"),
    [
        ("subscriber", [LETTER, {"kind": "unsubscribed", "list_id": "sport"}], ["left since"]),
        ("subscriber", [LETTER, {"kind": "objected", "list_id": "sport"}], ["objected since"]),
        ("cart-abandoner", [ADDED, {"kind": "order_completed", **NAILS}], ["bought since"]),
        ("cart-abandoner", [ADDED, {"kind": "product_removed", **NAILS}], ["taken out since"]),
        ("cart-abandoner", [{**ADDED, "at": "2026-01-20"}], ["more than 30 days ago: too long"]),
        ("cart-abandoner", [{**ADDED, "at": "2026-03-03T23:30"}], ["too short a time ago"]),
        ("cart-abandoner", [{**ADDED, "item_id": None}], ["its row does not say of what"]),
        ("member", [{"kind": "profile_updated", "attributes": '{"age": 30}'}], []),
        (
            "member",
            [{"kind": "profile_updated", "attributes": '{"membership": "none"}'}],
            ["says something else"],
        ),
        (
            "member",
            [{"kind": "profile_updated", "attributes": '{"membership": "gold"}'}],
            ["a newer one says what is so now"],
        ),
    ],
)
def test_of_what_does_not_count_the_one_reason_is_told_that_holds(segment, rows, why_not) -> None:
    held = [
        {"kind": "subscribed", "list_id": "news"},
        {"kind": "product_added", "item_id": "rope"},
        {"kind": "profile_updated", "attributes": '{"membership": "plus"}'},
    ]
    dated = [{"at": f"2026-02-{10 + n}", **row} for n, row in enumerate([*rows, *held])]
    frame = events(*dated).sort("occurred_at")
    made = why.segment(frame, among_others(frame), segment)
    assert [
        text.rpartition(": ")[2] if "long" not in text else "more than 30 days ago: too long"
        for text, _ in told(made)
    ] == why_not


@pytest.mark.parametrize(
    ("segment", "rows", "text"),
    [
        (
            "subscriber",
            [{"kind": "subscribed", "list_id": "news"}, {"kind": "unsubscribed", "list_id": "sport"}],
            "no opt-out or spam complaint for “news”, or for everything, since 2026-02-10",
        ),
        (
            "cart-abandoner",
            [ADDED, {"kind": "order_completed", "item_id": "rope"}],
            "no orders or removals from the cart of Nail clipper since 2026-02-10",
        ),
    ],
)
def test_what_is_absent_is_told_of_what_the_segment_rests_on(segment, rows, text) -> None:
    frame = events(*({"at": f"2026-02-{10 + n}", **row} for n, row in enumerate(rows)))
    made = why.segment(frame, among_others(frame), segment)
    assert text in [one.text for one in made.because[0].because]


def test_a_gap_in_the_log_of_complaints_says_nothing_of_who_is_a_subscriber() -> None:
    frame = events(LETTER | {"at": "2026-02-10"})
    ctx = among_others(frame)
    gap = (date(2026, 2, 20), date(2026, 2, 22))
    kinds = ctx.coverage.kinds | {"message_complained": ctx.coverage.kinds["unsubscribed"]}
    for of, known in (("message_complained", True), ("unsubscribed", False)):
        coverage = replace(ctx.coverage, kinds=kinds, gaps=(gap,), silent=((*gap, frozenset({of})),))
        given = segments.derive(frame, replace(ctx, coverage=coverage))
        assert ("subscriber" in set(given["segment_id"])) == known


@pytest.mark.parametrize("no", ["unsubscribed", "objected", "consent_withdrawn", "message_complained"])
def test_who_says_no_to_everything_is_no_subscriber(no) -> None:
    frame = events(LETTER | {"at": "2026-02-10"}, {"kind": no, "at": "2026-02-11"})
    assert "subscriber" not in set(segments.derive(frame, context(frame, "2026-03-04"))["segment_id"])


MAIL = {"kind": "message_sent", "message_id": "m", "at": "2026-02-10"}


@pytest.mark.parametrize(
    ("no", "stays"),
    [
        ({"kind": "unsubscribed", "channel": "sms"}, True),
        ({"kind": "unsubscribed", "channel": "email"}, False),
        ({"kind": "objected", "sender": "other"}, True),
        ({"kind": "unsubscribed", "channel": "sms", "list_id": "sport"}, True),
        ({"kind": "message_complained", "message_id": "m"}, True),
        ({"kind": "message_complained", "channel": "email", "machine": True}, True),
        ({"kind": "message_complained", "channel": "email"}, False),
    ],
)
def test_a_no_to_one_channel_or_sender_leaves_lists_of_others(no, stays) -> None:
    letter = LETTER | {"at": "2026-02-09", "channel": "email", "sender": "shop"}
    frame = events(letter, MAIL | {"channel": "sms"}, no | {"at": "2026-02-11"})
    given = segments.derive(frame, context(frame, "2026-03-04"))
    assert ("subscriber" in set(given["segment_id"])) == stays


def lines(order_id: str, at: str, number: int, **columns: Any) -> list[dict[str, Any]]:
    """The lines of one order."""
    return [
        order(f"{order_id}{n}", at, order_id=order_id, item_name=f"Thing {n}", **columns)
        for n in range(number)
    ]


def test_all_lines_of_the_first_order_are_that_order() -> None:
    frame = events(*lines("a", "2026-01-01", 3), *lines("b", "2026-01-05", 2))
    made = why.segment(frame, context(frame), "new-customer")
    assert [(one.text, set(one.events)) for one in made.because[0].because] == [
        ("1 order (3 lines) on 2026-01-01", {"a0", "a1", "a2"})
    ]
    assert [(text, set(acts)) for text, acts in told(made)] == [
        ("1 order (2 lines) on 2026-01-05: only the first of them counts", {"b0", "b1"})
    ]


def test_many_orders_that_are_counted_stand_in_one_line_and_other_things_by_what_they_are() -> None:
    rows = [lines(f"o{day}-", f"2026-01-{day:02}", 2) for day in range(1, 8)]
    frame = events(*(row for each in rows for row in each))
    (leaf,) = why.segment(frame, context(frame), "frequent-buyer").because[0].because
    assert leaf.text == "7 orders (14 lines) from 2026-01-01 to 2026-01-07"
    few = events(*(row for each in rows[:4] for row in each), order("s", "2026-01-09", item_name="Soap"))
    leaves = why.segment(few, context(few), "frequent-buyer").because[0].because
    assert [one.text for one in leaves] == [
        "bought Soap on 2026-01-09 00:00",
        *(f"1 order (2 lines) on 2026-01-0{day}" for day in (4, 3, 2, 1)),
    ]


def test_where_somebody_shops_from_is_told_by_how_often_and_since_when_it_is_named() -> None:
    frame = events(
        *lines("a", "2026-01-01", 3, country="Malta"),
        *lines("b", "2026-01-05", 1, country="Malta"),
        {"event_id": "p", "kind": "profile_updated", "at": "2026-01-07", "country": "Malta"},
    )
    made = why.segment(frame, context(frame), "country:Malta")
    assert [one.text for one in made.because[0].because] == [
        "had an entry in the profile on 2026-01-07 00:00, with the country Malta",
        "2 orders (4 lines) from 2026-01-01 to 2026-01-05, all with the country Malta",
    ]


def with_pairs(frame: pl.DataFrame, *pairs: tuple[str, str], at: str) -> Context:
    rows = [(own, other, 9, 1.0, 0.9, 9) for own, other in pairs]
    known = pl.DataFrame(rows, schema=PAIRS, orient="row").sort("item_id", maintain_order=True)
    return replace(context(frame, at), facts=replace(stats.none(), pairs=lambda: known))


def test_of_a_recommendation_what_goes_with_it_and_does_not_speak_for_it() -> None:
    frame = events(
        order("old", "2024-01-01", item_id="file", item_name="Nail file"),
        order("own", "2026-03-01", **NAILS),
        order("other", "2026-03-01", item_id="rope"),
    )
    ctx = with_pairs(frame, ("clipper", "cream"), ("file", "cream"), at="2026-03-02")
    made = why.item(frame, ctx, "cream")
    assert "own" in made.evidence
    assert told(made) == [
        (
            "bought Nail file on 2024-01-01 00:00: goes with it, and was more than 365 days ago: too long",
            ("old",),
        )
    ]


def test_of_a_finding_the_messages_about_the_same_thing_that_it_does_not_count() -> None:
    frame = events(
        mail("before", "2025-12-01", **NAILS),
        order("o", "2026-01-01", **NAILS),
        *(mail(f"m{n}", f"2026-0{n}-01", **NAILS) for n in range(2, 6)),
        mail("other", "2026-06-01", item_id="rope", category="Sports > Ropes"),
    )
    ctx = context(frame)
    (ident,) = findings.find(frame, ctx, checks=["repeat-after-purchase"])["id"]
    assert told(findings.finding(frame, ctx, ident)) == [
        ("1 other message on 2025-12-01: before it was bought", ("before",))
    ]


def left_out_of(check: str, *rows: dict[str, Any], **known: Any) -> list[tuple[str, tuple[str, ...]]]:
    frame = events(*rows)
    ctx = replace(context(frame), **known)
    (ident,) = findings.find(frame, ctx, checks=[check])["id"]
    return told(findings.finding(frame, ctx, ident))


def test_of_an_inference_acts_after_it_and_what_a_consent_covered() -> None:
    made = left_out_of(
        "sensitive-inference",
        {"event_id": "q", "kind": "products_searched", "at": "2026-01-01", "query": "Prenatal vitamins"},
        mail("m", "2026-02-01", topics=["pregnancy"]),
        {"event_id": "later", "kind": "products_searched", "at": "2026-02-02", "query": "Prenatal vitamins"},
        {"event_id": "yes", "kind": "consent_given", "at": "2026-03-01", "topics": ["pregnancy"]},
        mail("asked-for", "2026-04-01", topics=["pregnancy"]),
    )
    assert made == [
        ("1 other act on 2026-02-02: after the first that was decided of it", ("later",)),
        ("1 other message on 2026-04-01: a consent that names it was in force", ("asked-for",)),
    ]


def test_of_goods_nobody_ordered_the_orders_that_somebody_placed() -> None:
    made = left_out_of(
        "unrequested-shipment",
        order("own", "2026-01-01", item_id="echo"),
        order("sent", "2026-02-01", item_id="echo", source="inferred"),
    )
    assert made == [("1 other order on 2026-01-01: not placed by the sender", ("own",))]


def test_of_what_a_sender_declares_the_messages_that_kept_to_it() -> None:
    rule = {"id": "cap", "kind": "frequency_cap", "limit": 1, "window": "7d", "declared": True}
    made = left_out_of(
        "declared-vs-observed",
        *(mail(f"m{day}", f"2026-01-{day}") for day in (10, 12, 28)),
        declared=(from_dict(rule),),
    )
    assert made == [("1 other message on 2026-01-28: kept to what is declared when it came", ("m28",))]


def test_every_check_says_what_it_looked_at_besides() -> None:
    for check in registry.CHECKS.values():
        assert type(check).excluded_events is not Check.excluded_events, check.id


COUNTED_ALL_THE_SAME = ("over-frequency",)
"""Checks whose uncounted messages fill the room that the limit allows."""


def test_without_what_was_left_out_everything_is_decided_as_before() -> None:
    people = decided.people_of(Population("scenes", 1, 1))
    claims = []
    for person in people:
        for decision in person.decisions:
            if decision[0] == "message" or person.checks.get(decision[1], ("",))[0] in COUNTED_ALL_THE_SAME:
                continue
            made = person.explained(decision)
            left_out = frozenset(event for one in made.left_out for event in one.events)
            assert not left_out & set(made.evidence)
            if left_out and decision in person.derived:
                claims.append(Claim(person, decision, Variant(left_out), there=True))
    assert len(claims) > 20
    assert [
        claim.fault() for claim, there in soundness.answered(claims, people[0].context) if not there
    ] == []

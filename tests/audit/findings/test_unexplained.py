"""What nothing in the history accounts for, and what something does."""

import json
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from audit import findings, why
from audit.population.co_purchase import PAIRS
from audit.population.stats import Facts, none
from tests import build
from tests.audit.findings.histories import act, found, mail, order

_CARS = "Cars > Tyres > Winter"
_COVER = [
    act("product_viewed", "2025-01-01", category="Books"),
    order("2025-01-01", category="Books", item_id="novel"),
]


def _mail(at="2026-01-01", **columns):
    return mail(at, **{"category": _CARS, **columns})


def test_a_message_about_what_nobody_touched_is_unexplained():
    (finding,) = found("unexplained", *_COVER, _mail(), _mail("2026-01-02"))
    assert finding["text"] == "2 mails about winter (Tyres): nothing in this data explains it."
    assert (finding["case"], finding["messages"]) == ("message", ["e3", "e4"])


def test_where_the_data_does_not_reach_it_says_nothing():
    assert found("unexplained", _mail()) == []
    assert found("unexplained", *_COVER, _mail("2025-03-31")) == []
    assert len(found("unexplained", *_COVER, _mail("2025-04-01"))) == 1


@pytest.mark.parametrize(
    ("silent", "known"),
    [(("product_viewed", "order_completed"), False), (("message_sent",), True), (None, False)],
)
def test_where_acts_may_be_missing_neither_the_check_nor_why_says_that_nothing_explains_it(silent, known):
    frame = build.events(*_COVER, _mail())
    context = build.context(frame)
    gap = (date(2025, 12, 1), date(2025, 12, 9))
    recorded = () if silent is None else ((*gap, frozenset(silent)),)
    context = replace(context, coverage=replace(context.coverage, gaps=(gap,), silent=recorded))
    listed = findings.find(frame, context, checks=["unexplained"])
    assert listed.height == known
    made = why.message(frame, context, "e3")
    assert made.standing == ("unexplained" if known else "cannot_tell")
    said = "nothing in this data explains it" if known else "this data cannot tell: the data has a gap"
    assert made.because[-1].text.startswith(said)


@pytest.mark.parametrize(
    "earlier",
    [
        act("product_viewed", "2025-06-01", category="Cars > Oil"),
        act("products_searched", "2025-06-01", query="good winter boots"),
        order("2025-06-01", category=_CARS),
    ],
)
def test_an_act_nearby_accounts_for_it(earlier):
    assert found("unexplained", *_COVER, earlier, _mail()) == []
    assert len(found("unexplained", *_COVER, earlier | {"at": "2026-06-01"}, _mail())) == 1


def test_what_people_buy_together_accounts_for_it():
    pairs = pl.DataFrame([("novel", "tyre", 20, 1.0, 9.0, 20)], schema=PAIRS, orient="row")
    empty = none()
    facts = Facts(empty.items, empty.intervals, lambda: pairs, 20)
    assert found("unexplained", *_COVER, _mail(item_id="tyre"), facts=facts) == []
    assert len(found("unexplained", *_COVER, _mail(item_id="oil"), facts=facts)) == 1


@pytest.mark.parametrize(
    "columns", [{"list_id": "weekly"}, {"category": None}, {"trigger": "lapsed"}, {"trigger": "segment:x"}]
)
def test_broadcasts_and_messages_with_a_stated_reason_are_not_unexplained(columns):
    assert found("unexplained", *_COVER, _mail(**columns)) == []


def test_a_stated_act_that_is_not_in_the_data_explains_nothing():
    (finding,) = found("unexplained", *_COVER, _mail(trigger="product_viewed"))
    assert "not even the act that the sender states" in finding["text"]


def test_a_third_partys_segment_is_always_unexplained():
    bought = act(
        "segment_entered", "2026-01-01", segment_id="in-market:autos", source="third_party", event_id="s"
    )
    (finding,) = found(
        "unexplained", bought, _mail("2026-01-02", trigger="segment:in-market:autos", campaign_id="cars")
    )
    assert (finding["case"], finding["subject"], finding["cause"], finding["count"]) == (
        "third_party",
        "in-market:autos",
        ["s"],
        1,
    )
    assert finding["text"].endswith("whether acts of the customer led to it, this data cannot tell.")
    (finding,) = found("unexplained", *_COVER, bought)
    assert finding["text"].endswith("came from a third party: nothing in this data explains it.")


def test_a_segment_that_says_nothing_of_what_it_is_about_is_left_alone():
    assert found("unexplained", *_COVER, act("segment_entered", "2026-01-01", segment_id="vip")) == []
    about = act("segment_entered", "2026-01-01", segment_id="drivers", category="Cars")
    assert len(found("unexplained", *_COVER, about)) == 1
    assert found("unexplained", *_COVER, act("product_viewed", "2025-06-01", category=_CARS), about) == []


def test_an_act_at_the_instant_of_a_segment_supports_it():
    about = act("segment_entered", "2026-01-01", segment_id="drivers", category="Cars", event_id="s")
    look = act("product_viewed", "2026-01-01", category=_CARS)
    assert found("unexplained", *_COVER, look, about) == []
    assert len(found("unexplained", *_COVER, look | {"at": "2026-01-01T00:00:00.000001"}, about)) == 1


def test_a_search_or_a_partner_at_the_instant_of_the_message_accounts_for_it():
    search = act("products_searched", "2026-01-01", query="good winter boots", event_id="zz")
    assert found("unexplained", *_COVER, search, _mail()) == []
    assert len(found("unexplained", *_COVER, search | {"at": "2026-01-01T00:00:00.000001"}, _mail())) == 1
    pairs = pl.DataFrame([("map", "tyre", 20, 1.0, 9.0, 20)], schema=PAIRS, orient="row")
    facts = Facts(none().items, none().intervals, lambda: pairs, 20)
    look = act("product_viewed", "2026-01-01", item_id="map", category="Books", event_id="zz")
    assert found("unexplained", *_COVER, look, _mail(item_id="tyre"), facts=facts) == []
    later = look | {"at": "2026-01-01T00:00:00.000001"}
    assert len(found("unexplained", *_COVER, later, _mail(item_id="tyre"), facts=facts)) == 1


def test_mail_at_the_instant_of_a_segment_counts_to_it():
    about = act("segment_entered", "2026-01-01", segment_id="x", source="third_party", event_id="s")
    counts = [
        found("unexplained", about, mail(at, trigger="segment:x"))[0]["count"]
        for at in ("2025-12-31T23:59:59.999999", "2026-01-01", "2026-01-01T00:00:00.000001")
    ]
    assert counts == [0, 1, 1]


@pytest.mark.parametrize(
    ("source", "count"), [("first_party", 0), (None, 0), ("inferred", 1), ("third_party", 1)]
)
def test_only_what_somebody_did_accounts_for_a_message(source, count):
    look = act("product_viewed", "2025-06-01", category=_CARS, source=source)
    assert len(found("unexplained", *_COVER, look, _mail())) == count


@pytest.mark.parametrize(
    "about", [{"category": "Cars"}, {"topics": ["cars"]}, {"segment_id": "expecting-parents"}]
)
def test_a_segment_says_what_it_is_about_by_category_topic_or_name(about):
    entered = act("segment_entered", "2026-01-01", **{"segment_id": "drivers", **about})
    (finding,) = found("unexplained", *_COVER, entered)
    assert (finding["case"], finding["suggested_rule"]) == ("segment", None)
    triggered = _mail("2026-01-02", trigger=f"segment:{entered['segment_id']}", campaign_id="tyres")
    (finding,) = found("unexplained", *_COVER, entered, triggered)
    assert json.loads(finding["suggested_rule"])["campaigns"] == ["tyres"]


def test_a_third_partys_segment_is_no_lookalike_and_one_without_a_source_may_be():
    entered = act("segment_entered", "2026-01-01", segment_id="drivers", category="Cars")
    assert len(found("by-likeness", *_COVER, entered)) == 1
    assert len(found("by-likeness", *_COVER, entered | {"source": "inferred"})) == 1
    assert found("by-likeness", *_COVER, entered | {"source": "third_party"}) == []


@pytest.mark.parametrize(("searched", "count"), [("prenatal vitamins", 0), ("garden hose", 1)])
def test_a_search_for_the_same_sensitive_topic_supports_a_segment(searched, count):
    search = act("products_searched", "2025-06-01", query=searched)
    entered = act("segment_entered", "2026-01-01", segment_id="expecting-parents")
    assert len(found("by-likeness", *_COVER, search, entered)) == count


@pytest.mark.parametrize("covered", [True, False])
def test_one_segment_has_one_standing_in_title_sentence_membership_and_explanation(covered):
    bought = act("segment_entered", "2026-01-01", segment_id="in-market:autos", source="third_party")
    frame = build.events(*(_COVER if covered else ()), bought, _mail("2026-01-05", category="Books"))
    context = build.context(frame)
    finding = findings.find(frame, context, checks=["unexplained"]).row(0, named=True)
    says = "nothing in this data explains it" if covered else "this data cannot tell"
    assert says in finding["text"]
    assert ("nothing in the history explains it" in finding["title"]) == covered
    assert ("this data cannot tell" in finding["title"]) != covered
    told = why.segment(frame, context, "in-market:autos")
    assert told.standing == ("unexplained" if covered else "cannot_tell")
    assert (told.because[-1].text == "no act of the customer's own is behind it") == covered
    assert ("this data cannot tell" in told.because[-1].text) != covered
    behind = findings.finding(frame, context, finding["id"]).because[0].because
    assert any(reason.text.startswith("no act that fits") for reason in behind) == covered


def test_the_title_of_what_cannot_be_told_says_so():
    streak = [mail(f"2026-01-{day:02}", campaign_id="deals") for day in range(1, 29)]
    (finding,) = found("ignored-streak", *streak)
    assert (finding["verdict"], finding["title"]) == (
        "cannot_tell",
        "Cannot tell: many in a row, no click recorded",
    )


def test_no_act_is_denied_of_what_followed_a_look():
    look = act("product_viewed", "2026-01-01", category="Electronics > Cameras")
    mails = [
        mail(f"2026-02-{day:02}", category="Electronics > Cameras", trigger="browse") for day in range(1, 20)
    ]
    frame = build.events(look, *mails)
    context = build.context(frame)
    ident = findings.find(frame, context, checks=["browse-pursuit"])["id"].item()
    told = findings.finding(frame, context, ident)
    assert all("no act" not in reason.text for reason in told.because[0].because)
